# Runs a script's steps one after the other and tells of each. Sourced after common.sh.

logs=$root/build/logs
mkdir -p "$logs"
step_pid=
step_tail=40 # lines shown of a step that failed

# A step has a process group of its own, so that Ctrl-C, or a stop of this script alone, ends whatever it had started.
end_step() {
  trap '' INT TERM HUP
  if [[ $step_pid ]]; then
    kill -TERM -- "-$step_pid" 2>/dev/null || true
    wait "$step_pid" 2>/dev/null || true
  fi
  note "interrupted"
  exit 130
}
trap end_step INT TERM HUP

# step [--live] LOG TITLE COMMAND...: its output goes to build/logs/LOG.log, with --live to the terminal too.
# Returns the command's status; leaves the time it took in step_seconds.
step() {
  local live='' log title status=0 begin=$SECONDS
  if [[ $1 == --live ]]; then live=yes && shift; fi
  log=$logs/$1.log title=$2
  shift 2
  say "$bold== $title$plain"
  set -m
  if [[ $live ]]; then
    { "$@" 2>&1 | tee "$log"; } </dev/null &
  else
    "$@" </dev/null >"$log" 2>&1 &
  fi
  step_pid=$!
  set +m
  wait "$step_pid" || status=$?
  step_pid=
  step_seconds=$((SECONDS - begin))
  if [[ $status -eq 0 ]]; then
    say "   ${green}ok$plain, $step_seconds s"
  else
    [[ $live ]] || tail -n "$step_tail" "$log" | sed 's/^/   | /'
    say "   ${red}failed$plain ($status), $step_seconds s; all of it: $log"
  fi
  return "$status"
}
