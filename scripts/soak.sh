#!/usr/bin/env bash
# ./dev soak [options of millrace-harness run]: every case in full on every server that is to be had, by the native agent,
# by that of the npm package, and by those over the C ABI; with --agent, by that one alone.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

bash "$root/scripts/build.sh" harness >&2
bash "$root/scripts/servers.sh"
mapfile -t present < <(bash "$root/scripts/servers.sh" present)
[[ " $* " == *" --rounds="* ]] || set -- --rounds=100 "$@"
options=("${present[@]/#/--server=local:}")

if [[ " $* " == *" --agent="* ]]; then
  exec "$root/build/bin/millrace-harness" run "${options[@]}" --report="$root/build/soak" "$@"
fi
bash "$root/scripts/build.sh" npm >&2
bash "$root/scripts/build.sh" languages >&2
status=0
"$root/build/bin/millrace-harness" run "${options[@]}" --report="$root/build/soak" "$@" || status=$?
if [[ " $* " != *" --scenario="* ]]; then
  mapfile -t cases < <(bash "$root/scripts/agent_cases.sh" all)
  [[ ${#cases[@]} -gt 0 ]] || die "there is no such case"
  options+=("${cases[@]/#/--scenario=}")
fi
bash "$root/scripts/npm.sh" exec "$root/build/bin/millrace-harness" run --agent=node --timeout=7200 "${options[@]}" \
  --report="$root/build/soak-node" "$@" || status=$?
"$root/build/bin/millrace-harness" run --agent=c --agent=python --agent=go --agent=rust --timeout=7200 "${options[@]}" \
  --report="$root/build/soak-c" "$@" || status=$?
exit $status
