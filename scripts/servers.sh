#!/usr/bin/env bash
# ./dev servers: the real servers, side by side in the cache, none of them installed.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

table() { grep -v '^#' "$root/scripts/servers.tsv"; }
row() { # NAME
  table | awk -F'\t' -v name="$1" '$1 == name' | grep . ||
    usage_error "servers: unknown server '$1' (./dev servers list)"
}

# present, absent or missing. What a registry has dropped is asked for again after a day.
state() {
  if [[ -x $servers/$1/server && -f $servers/$1/version ]]; then
    echo present
  elif [[ -f $servers/$1/absent ]]; then
    echo absent
  else
    echo missing
  fi
}
retry_due() { [[ -n $(find "$servers/$1/absent" -mmin +1440 2>/dev/null) ]]; }

list() {
  local name how where package version from
  printf '%s%-11s %-8s %-8s %s%s\n' "$bold" NAME STATE VERSION SOURCE "$plain"
  while IFS=$'\t' read -r name how where package _; do
    version=- from="$how $where $package"
    case $(state "$name") in
      present) version=$(cat "$servers/$name/version") from=$(cat "$servers/$name/from") ;;
      absent) from="$(cat "$servers/$name/absent")" ;;
    esac
    printf '%-11s %-8s %-8s %s\n' "$name" "$(state "$name")" "$version" "$from"
  done < <(table)
}

# fetch NAME...: 1 if any could not be fetched for a reason that may pass; absent ones are told, not an error.
fetch() {
  local name log status failed=0
  mkdir -p "$cache/logs"
  for name in "$@"; do
    log=$cache/logs/server-$name.log
    note "fetching $name"
    status=0
    # shellcheck disable=SC2046
    (IFS=$'\t' && exec bash "$root/scripts/server-fetch.sh" $(row "$name")) >"$log" 2>&1 </dev/null || status=$?
    case $status in
      0) ;;
      3) note "$name is absent: $(cat "$servers/$name/absent")" ;;
      *) note "could not fetch $name: $(tail -1 "$log" | sed 's/^dev: //') (all of it: $log)" && failed=1 ;;
    esac
  done
  return "$failed"
}

fetch_missing() {
  local name wanted=()
  for name in "$@"; do
    row "$name" >/dev/null
    case $(state "$name") in
      missing) wanted+=("$name") ;;
      absent) if retry_due "$name"; then wanted+=("$name"); fi ;;
    esac
  done
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  bash "$root/scripts/install.sh" servers
  fetch "${wanted[@]}"
}

start() {
  local name=${1:-} port=6379
  [[ $name ]] || usage_error "servers start: which one?"
  row "$name" >/dev/null
  shift
  while [[ $# -gt 0 ]]; do
    case $1 in
      --port=*) port=${1#--port=} ;;
      --) shift && break ;;
      *) usage_error "servers start: unknown option '$1' (the server's own options follow --)" ;;
    esac
    shift
  done
  [[ $port =~ ^[0-9]{1,5}$ && $((10#$port)) -le 65535 ]] || usage_error "servers start: '$port' is no port"
  fetch_missing "$name"
  [[ $(state "$name") == present ]] || die "$name is absent: $(cat "$servers/$name/absent")"
  # Nothing is kept and only this machine is served, unless the options after -- say otherwise: the last word counts.
  exec "$servers/$name/server" --port "$port" --bind 127.0.0.1 --save '' --appendonly no "$@"
}

mapfile -t all < <(table | cut -f1)
command=${1:-all}
[[ $# -eq 0 ]] || shift
case $command in
  all)
    status=0
    fetch_missing "${all[@]}" || status=$?
    list
    exit "$status"
    ;;
  list) list ;;
  present) # for the other scripts
    for name in "${all[@]}"; do
      if [[ $(state "$name") == present ]]; then say "$name"; fi
    done
    ;;
  fetch)
    for name in "$@"; do # whoever names one wants it asked for again
      row "$name" >/dev/null
      rm -f "$servers/$name/absent"
    done
    [[ $# -gt 0 ]] || set -- "${all[@]}"
    fetch_missing "$@"
    ;;
  start) start "$@" ;;
  *) usage_error "servers: unknown command '$command'" ;;
esac
