#!/usr/bin/env bash
# ./dev bench [options of millrace-harness bench]: ours against a hand-written loop on libhiredis, in the same run.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

bash "$root/scripts/build.sh" harness >&2
bash "$root/scripts/servers.sh" fetch redis-7.0
[[ " $* " == *" --server="* ]] || set -- --server=local:redis-7.0 "$@"
[[ " $* " == *" --against="* ]] || set -- --against=hiredis "$@"
exec "$root/build/bin/millrace-harness" bench "$@"
