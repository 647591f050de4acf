#!/bin/sh
# live.sh RECORDER REPLAYER NODE RUN_MJS MODULE: fresh traces of every story on a real server, replayed.
set -u
folder=$(mktemp -d "${TMPDIR:-/tmp}/millrace-traces.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
"$1" "$folder"
status=$?
[ "$status" -eq 0 ] || exit "$status" # 77: no server at hand
"$2" "$folder"/*.trace || exit 1
[ ! -e "$5.wasm" ] || "$3" "$4" "$5" "$folder"/*.trace
