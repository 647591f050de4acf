#!/usr/bin/env bash
# ./dev build [native|wasm|npm|python|go|rust|languages|all]; for the other scripts also `asan`, what the fast tests need, and `harness`, which leaves the tests out.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

native() { # PRESET [TARGET...]
  bash "$root/scripts/install.sh" servers native
  local hiredis
  hiredis=$(bash "$root/scripts/hiredis.sh")
  cd "$root"
  cmake --preset "$1" -DHIREDIS_SOURCE_DIR="$hiredis"
  cmake --build --preset "$1" ${2+--target "${@:2}"}
}

# Emscripten is Debian's, or that of the emsdk which EMSDK names.
wasm() {
  bash "$root/scripts/install.sh" servers wasm emscripten
  if [[ ${EMSDK:-} ]]; then
    [[ -x $EMSDK/upstream/emscripten/emcc ]] ||
      die "EMSDK: there is no upstream/emscripten/emcc in $EMSDK; there, run: ./emsdk install latest && ./emsdk activate latest" 2
    export PATH=$EMSDK/upstream/emscripten:$PATH
  fi
  local hiredis
  hiredis=$(bash "$root/scripts/hiredis.sh")
  # At -O2 Debian's emcc runs node programs whose modules are Debian's packages, which another vendor's node doesn't find.
  export NODE_PATH=/usr/share/nodejs${NODE_PATH:+:$NODE_PATH}
  cd "$root"
  # A build tree keeps the compiler that it was made with.
  local fresh=() made_by=build/wasm/made-by
  if [[ -e $made_by && $(<"$made_by") != "$(command -v emcc)" ]]; then fresh=(--fresh); fi
  emcmake cmake --preset wasm "${fresh[@]}" -DHIREDIS_SOURCE_DIR="$hiredis"
  command -v emcc >"$made_by"
  cmake --build --preset wasm
}

[[ $# -le 1 ]] || usage_error "build: one of native, wasm, npm, python, go, rust, languages, all"
case ${1:-native} in
  native) native release ;;
  asan) native asan fast ;;
  harness) native release millrace-harness millrace-agent millrace-agent-c ;;
  wasm) wasm ;;
  python | go | rust | languages)
    native release
    languages=()
    [[ $1 == languages ]] || languages=("$1")
    bash "$root/scripts/languages.sh" build "${languages[@]}"
    ;;
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
