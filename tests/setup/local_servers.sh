# Real servers for the tests of set-up, ended with the test. Sourced after common.sh.

server_pids=()
end_servers() {
  [[ ${#server_pids[@]} -eq 0 ]] || kill -TERM "${server_pids[@]}" 2>/dev/null || true
  wait
}
trap end_servers EXIT

free_port() { /usr/bin/python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

answers() { # PORT
  (exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'PING\r\n' >&3 && read -rt 1 line <&3 && [[ $line == +PONG* ]]) 2>/dev/null
}

# start_server NAME PORT: returns once it answers. Its pid is the last of server_pids.
start_server() {
  "$root/dev" servers start "$1" --port="$2" >/dev/null &
  server_pids+=($!)
  for _ in {1..100}; do
    if answers "$2"; then return; fi
    sleep 0.1
  done
  die "$1 did not answer on port $2 within 10 s"
}
