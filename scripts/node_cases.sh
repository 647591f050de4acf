#!/usr/bin/env bash
# node_cases.sh [PREFIX...]: the cases that the node agent plays, or those of them that begin so.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Played natively alone: matrices of a thousand agents that live for a moment, and what promises a machine-near figure: 16 MiB in
# all, 2 % of a processor at 20 connections a second.
"$root/build/bin/millrace-harness" list --json | "$(system_python)" -c '
import json, sys
natively = ("cut/1-", "each-command/", "members/1-", "memory/", "outage/")
wanted = tuple(sys.argv[1:]) or ("",)
ids = [case["id"] for case in json.load(sys.stdin)]
print(*(id for id in ids if id.startswith(wanted) and not id.startswith(natively)), sep="\n")
' "$@"
