#!/usr/bin/env bash
# ./dev demo: from nothing to a report of every case on four real servers.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$root/scripts/steps.sh"

[[ $# -eq 0 ]] || usage_error "demo: takes no arguments"
names=(redis-3.2 redis-6.2 redis-7.0 redis-8.0)
report=$root/build/report

step demo-packages 'Packages' bash "$root/scripts/install.sh" servers native
step demo-servers "Servers ${names[*]}" bash "$root/scripts/servers.sh" fetch "${names[@]}"
step demo-build 'Build' bash "$root/scripts/build.sh" harness

# One that a registry has dropped is said here, not played in silence by another.
present=()
for name in "${names[@]}"; do
  if [[ -x $servers/$name/server ]]; then
    present+=("--server=local:$name")
  else
    note "$name is absent: $(cat "$servers/$name/absent")"
  fi
done
[[ ${#present[@]} -gt 0 ]] || die "no server is at hand, see ./dev servers"

status=0
step --live demo-run "Every case on ${#present[@]} servers" \
  "$root/build/bin/millrace-harness" run "${present[@]}" --report="$report" || status=$?
if [[ -f $report/report.html ]]; then say "Report: $report/report.html"; fi
exit "$status"
