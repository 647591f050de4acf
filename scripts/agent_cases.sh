#!/usr/bin/env bash
# agent_cases.sh few|all [PREFIX...]: the cases that agents beside the native one play, of those the ones that begin so. Not among
# the few are matrices of a thousand agents, each of which starts a process: ./dev soak plays them.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Played natively alone is what promises a figure near the machine's: 16 MiB in all, 2 % of a processor at 20 connections a second.
"$root/build/bin/millrace-harness" list --json | "$(system_python)" -c '
import json, sys
natively = ("memory/", "outage/")
many = ("cut/1-", "each-command/", "members/1-")
which, wanted = sys.argv[1], tuple(sys.argv[2:]) or ("",)
for case in json.load(sys.stdin):
    id = case["id"]
    if id.startswith(wanted) and not id.startswith(natively) and (which == "all" or not id.startswith(many)):
        print(id)
' "$@"
