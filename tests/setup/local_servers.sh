# Real servers for the tests of set-up, ended with the test. Sourced after common.sh.

server_pids=()
end_servers() {
  [[ ${#server_pids[@]} -eq 0 ]] || kill -TERM "${server_pids[@]}" 2>/dev/null || true
  wait
}
trap end_servers EXIT

free_port() { /usr/bin/python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A field of the server's INFO; nothing where none answers.
info() { # PORT FIELD
  { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 0
  printf 'INFO server\r\nQUIT\r\n' >&3
  tr -d '\r' <&3 | sed -n "s/^$2://p"
  exec 3<&-
}

# start_server NAME: returns once it answers, with its port in $port. Its pid is the last of server_pids.
start_server() {
  local pid
  for _ in 1 2 3; do
    port=$(free_port)
    "$root/dev" servers start "$1" --port="$port" >/dev/null &
    pid=$!
    server_pids+=("$pid")
    for _ in {1..100}; do
      # Another server may have taken the port meanwhile: then that one answers, and ours ends.
      if [[ $(info "$port" process_id) == "$pid" ]]; then return; fi
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    unset 'server_pids[-1]'
    kill -TERM "$pid" 2>/dev/null || true
  done
  die "$1 did not answer on port $port"
}
