#!/usr/bin/env bash
# ./dev soak [options of millrace-harness run]: every case in full on every server that is to be had.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

bash "$root/scripts/build.sh" harness >&2
bash "$root/scripts/servers.sh"
mapfile -t present < <(bash "$root/scripts/servers.sh" present)
[[ " $* " == *" --rounds="* ]] || set -- --rounds=100 "$@"
exec "$root/build/bin/millrace-harness" run "${present[@]/#/--server=local:}" --report="$root/build/soak" "$@"
