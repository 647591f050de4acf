#!/usr/bin/env bash
# Bad usage of ./dev: one line that names it, exit status 2.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

refused() { # MESSAGE ARGS...
  local told status=0
  told=$("$root/dev" "${@:2}" 2>&1) || status=$?
  [[ $status -eq 2 && $told == "dev: $1"* && $told != *$'\n'* ]] || die "./dev ${*:2}: status $status, '$told'"
}

refused "unknown command 'frobnicate'; see ./dev help" frobnicate
refused "demo: takes no arguments" demo now
refused "test: takes no arguments" test fast
refused "build: unknown target 'everything'" build everything
refused "format: unknown option '--all'" format --all
refused "servers: unknown command 'stop'" servers stop
refused "servers: unknown server 'redis-4.0'" servers fetch redis-4.0
refused "servers: unknown server 'redis-4.0'" servers start redis-4.0
refused "servers start: which one?" servers start
refused "servers start: 'http' is no port" servers start redis-7.0 --port=http
refused "servers start: '65536' is no port" servers start redis-7.0 --port=65536
refused "servers start: unknown option '--save'" servers start redis-7.0 --save
[[ $("$root/dev") == "usage: ./dev <command>"* ]] || die "./dev alone shows no usage"

# Where packages are missing and nobody may install them, the exact line is the answer.
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
printf '#!/bin/sh\nexit 1\n' >"$temp/dpkg-query"
printf '#!/bin/sh\necho 1000\n' >"$temp/id"
chmod +x "$temp"/*
told=$(PATH=$temp:$PATH bash "$root/scripts/install.sh" format 2>&1) && die "install.sh went on without its packages"
[[ $told == "dev: missing packages; as root: apt-get install --yes --no-install-recommends clang-format git" ]] || die "install.sh: $told"
