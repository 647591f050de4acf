#!/bin/sh
# live.sh RECORDER REPLAYER NODE RUN_MJS MODULE: a fresh trace of the main job on a real server, replayed.
set -u
trace=$(mktemp "${TMPDIR:-/tmp}/millrace-trace.XXXXXX") || exit 1
trap 'rm -f "$trace"' EXIT
"$1" "$trace"
status=$?
[ "$status" -eq 0 ] || exit "$status" # 77: no server at hand
"$2" "$trace" || exit 1
[ ! -e "$5.wasm" ] || "$3" "$4" "$5" "$trace"
