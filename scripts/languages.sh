#!/usr/bin/env bash
# languages.sh build [python|go|rust]...: what other languages make of the C ABI: their example consumers and the agents of
# the harness, into build/bin, against the library of build/release. languages.sh test LANGUAGE: the tests of a binding.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

prefix=$root/build/prefix
examples=$root/bindings/c/examples
agents=$root/harness/agents
bin=$root/build/bin

# Debian's, whatever comes first in PATH: what the examples are held to builds with those.
debian_or_path() { # COMMAND
  if [[ -x /usr/bin/$1 ]]; then echo "/usr/bin/$1"; else command -v "$1"; fi
}

# The library as users have it, so that the languages find it as theirs do: by pkg-config.
install_library() {
  [[ -f $root/build/release/CMakeCache.txt ]] || die 'languages: first ./dev build native'
  cmake --install "$root/build/release" --prefix "$prefix" >/dev/null
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  export MILLRACE_LIBRARY=$prefix/lib/libmillrace.so
  export LD_LIBRARY_PATH=$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# A script in build/bin that knows where the library is.
launcher() { # FILE PROGRAM
  cat >"$1" <<PYTHON
"""Runs $(basename "$2") with the library of this build."""
import os, runpy, sys
os.environ.setdefault("MILLRACE_LIBRARY", "$MILLRACE_LIBRARY")
sys.path.insert(0, os.path.dirname("$2"))
runpy.run_path("$2", run_name="__main__")
PYTHON
}

build_python() {
  launcher "$bin/millrace-agent.py" "$agents/python/agent.py"
  launcher "$bin/consumer.py" "$examples/python/consumer.py"
}

use_go() {
  go=$(debian_or_path go) || die 'languages: there is no go'
  # Nothing is fetched: neither modules nor another Go.
  export GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local CGO_LDFLAGS="-Wl,-rpath,$prefix/lib"
}
build_go() {
  use_go
  (cd "$agents/go" && "$go" build -o "$bin/millrace-agent-go" .)
  (cd "$examples/go/consumer" && "$go" build -o "$bin/consumer-go" .)
}

use_rust() {
  cargo=$(debian_or_path cargo) || die 'languages: there is no cargo'
  if [[ $cargo == /usr/bin/cargo ]]; then export RUSTC=/usr/bin/rustc; fi
  export CARGO_TARGET_DIR=$root/build/rust RUSTFLAGS="-C link-arg=-Wl,-rpath,$prefix/lib"
  crates=()
  # Debian's packages of crates, where they are at hand: no registry is asked.
  if compgen -G '/usr/share/cargo/registry/serde_json-*' >/dev/null; then
    crates=(--offline --config 'source.crates-io.replace-with="debian"'
      --config 'source.debian.directory="/usr/share/cargo/registry"')
  fi
}
build_rust() {
  use_rust
  (cd "$agents/rust" && "$cargo" build --release --quiet "${crates[@]}")
  (cd "$examples/rust" && "$cargo" build --release --quiet "${crates[@]}" --examples)
  cp "$CARGO_TARGET_DIR/release/millrace-agent-rust" "$bin/"
  cp "$CARGO_TARGET_DIR/release/examples/consumer" "$bin/consumer-rust"
}

test_python() { "$(system_python)" "$root/tests/python/test_millrace.py"; }
test_go() {
  use_go
  (cd "$examples/go/millrace" && "$go" vet . && "$go" test -count=1 -race .)
}
test_rust() {
  use_rust
  (cd "$examples/rust" && "$cargo" test --quiet "${crates[@]}")
}

command=${1:-}
[[ $# -eq 0 ]] || shift
[[ $# -gt 0 ]] || set -- python go rust
for language in "$@"; do
  case $language in
    python) ;;
    go | rust) bash "$root/scripts/install.sh" "$language" ;;
    *) usage_error "languages: '$language' is none of python, go, rust" ;;
  esac
done
install_library
if [[ $command == test ]]; then
  export REDIS_SERVER=${REDIS_SERVER:-$servers/redis-7.0/server}
fi
for language in "$@"; do
  case $command in
    build | test) "${command}_$language" ;;
    *) usage_error 'languages: one of build, test' ;;
  esac
done
