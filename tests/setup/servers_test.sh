#!/usr/bin/env bash
# Each fetched server: starts by name from anywhere, beside the others, under its own pid, and ends at SIGTERM.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$root/tests/setup/local_servers.sh"

mapfile -t present < <("$root/dev" servers present)
[[ ${#present[@]} -gt 0 ]] || die "no server is at hand"
cd /

ports=()
for name in "${present[@]}"; do
  start_server "$name"
  ports+=("$port")
done

for i in "${!present[@]}"; do
  name=${present[i]}
  field=redis_version
  [[ $name != valkey-* ]] || field=valkey_version
  [[ $(info "${ports[i]}" "$field") == "$(cat "$servers/$name/version")" ]] || die "$name: another version answers"
done

for i in "${!present[@]}"; do
  kill -TERM "${server_pids[i]}"
  wait "${server_pids[i]}" || true
  [[ -z $(info "${ports[i]}" process_id) ]] || die "${present[i]} outlived SIGTERM"
done
server_pids=()

# The cache may be moved, and a server may listen on a unix socket alone.
temp=$(mktemp -d)
trap 'end_servers; rm -rf "$temp"' EXIT
for name in "${present[@]}"; do
  cp -r "$servers/$name" "$temp/a moved $name"
  "$temp/a moved $name/server" --save '' --port 0 --unixsocket "$temp/$name.sock" >"$temp/$name.log" &
  server_pids+=($!)
  for _ in {1..100}; do
    [[ ! -S $temp/$name.sock ]] || break
    sleep 0.1
  done
  [[ -S $temp/$name.sock ]] || die "$name: no unix socket: $(tail -1 "$temp/$name.log")"
done

# With the cache filled no network is asked for; a namespace without one shows it.
if unshare --net true 2>/dev/null; then
  unshare --net "$root/dev" servers >"$temp/table" || die "./dev servers wants the network although all is cached"
  unshare --net bash "$root/scripts/hiredis.sh" >/dev/null || die "hiredis.sh wants the network although it is cached"
fi
