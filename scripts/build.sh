#!/usr/bin/env bash
# ./dev build [native|wasm|npm|all]; for the other scripts also `asan`, what the fast tests need, and `harness`, which leaves the tests out.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

native() { # PRESET [TARGET...]
  bash "$root/scripts/install.sh" servers native
  local hiredis
  hiredis=$(bash "$root/scripts/hiredis.sh")
  cd "$root"
  cmake --preset "$1" -DHIREDIS_SOURCE_DIR="$hiredis"
  cmake --build --preset "$1" ${2+--target "${@:2}"}
}

wasm() {
  bash "$root/scripts/install.sh" servers wasm
  local hiredis
  hiredis=$(bash "$root/scripts/hiredis.sh")
  # At -O2 Debian's emcc runs node programs whose modules are Debian's packages, which another vendor's node doesn't find.
  export NODE_PATH=/usr/share/nodejs${NODE_PATH:+:$NODE_PATH}
  cd "$root"
  emcmake cmake --preset wasm -DHIREDIS_SOURCE_DIR="$hiredis"
  cmake --build --preset wasm
}

[[ $# -le 1 ]] || usage_error "build: one of native, wasm, npm, all"
case ${1:-native} in
  native) native release ;;
  asan) native asan fast ;;
  harness) native release millrace-harness millrace-agent ;;
  wasm) wasm ;;
  npm)
    wasm
    bash "$root/scripts/npm.sh" build
    ;;
  all)
    native release
    wasm
    bash "$root/scripts/npm.sh" build
    ;;
  *) usage_error "build: unknown target '$1'" ;;
esac
