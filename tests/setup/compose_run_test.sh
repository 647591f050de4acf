#!/usr/bin/env bash
# The harness service's exact command, against local servers in the places of the composed ones.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$root/tests/setup/local_servers.sh"

mapfile -t command < <(/usr/bin/docker-compose -f "$root/docker-compose.yml" config | /usr/bin/python3 -c '
import sys, yaml
print(*yaml.safe_load(sys.stdin)["services"]["harness"]["command"], sep="\n")')

# No registry has a Redis 4; 3.2 lacks Streams just as it does.
urls=()
for name in redis-3.2 redis-5.0 redis-6.2 redis-7.0 redis-8.0 valkey-8.1; do
  if [[ -f $servers/$name/absent ]]; then
    note "$name is absent: $(cat "$servers/$name/absent")"
    continue
  fi
  start_server "$name"
  urls+=("redis://127.0.0.1:$port")
done

say "MILLRACE_SERVERS='${urls[*]}' ${command[*]}"
PATH=$root/build/bin:$PATH MILLRACE_SERVERS="${urls[*]}" "${command[@]}"
