#!/usr/bin/env bash
# test.sh prefix BUILD PREFIX: installs what was built, and moves it to PREFIX.
# test.sh pkgconfig|static|c|native PREFIX: builds a program against it, and lets it consume an entry of a real server.
# test.sh subdirectory HIREDIS: configures a project with our sources in it, and builds some of it.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$root/tests/setup/local_servers.sh"

here=$root/tests/install
server=redis-7.0
work=$(mktemp -d)
trap 'end_servers; rm -rf "$work"' EXIT
export CMAKE_GENERATOR=Ninja
warnings=(-Wall -Wextra -Wpedantic -Werror)

consume() { # PROGRAM EXPECTED
  local port said
  if [[ -f $servers/$server/absent ]]; then
    note "$server is absent: $(cat "$servers/$server/absent")"
    exit 77
  fi
  start_server "$server"
  said=$(timeout 60 "$1" "redis://127.0.0.1:$port?streams=orders&group=g&consumer=c&start=0&flush_interval=0")
  [[ $said == "$2" ]] || die "$1 said '$said', not '$2'"
}

needs() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
version() { sed -n 's/^project(millrace VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt"; }

prefix() { # BUILD PREFIX
  rm -rf "$2"
  cmake --install "$1" --prefix "$work/first" >/dev/null
  mv "$work/first" "$2"
  local absolute
  absolute=$(grep -rlF -e "$root" -e "$work" "$2/include" "$2/lib"*/{cmake,pkgconfig} "$2/share" || true)
  [[ -z $absolute ]] || die "these name a folder of the machine that built them: $absolute"
  [[ $("$2/bin/millrace" --version) == *"$(version)"* ]] || die "the command millrace is of another version"
  [[ $("$2/bin/millrace-harness" list | wc -l) -gt 50 ]] || die "the harness has no cases"
  local agent
  for agent in millrace-agent millrace-agent-c; do # the harness starts them as they are: without LD_LIBRARY_PATH
    [[ $("$2/bin/$agent" <<<'{"op":"hello","re":1}' 2>&1) == *'"event":"hello"'* ]] || die "$agent does not start"
  done
}

pkgconfig() { # PREFIX
  local flags
  flags=$(pkg-config --cflags --libs millrace)
  # shellcheck disable=SC2086
  cc -std=c99 "${warnings[@]}" "$here/one_entry.c" $flags -o "$work/one_entry"
  local example
  for example in consumer machine; do
    # shellcheck disable=SC2086
    cc -std=c99 "${warnings[@]}" "$root/bindings/c/examples/$example.c" $flags -o "$work/$example"
  done
  [[ $(needs "$work/one_entry") == *libmillrace.so.* ]] || die "the shared library was not linked"
  [[ $(pkg-config --modversion millrace) == "$(version)" ]] || die "pkg-config knows another version"
  LD_LIBRARY_PATH=$(pkg-config --variable=libdir millrace) consume "$work/one_entry" "$(version): tea"
}

static() { # PREFIX
  # shellcheck disable=SC2046
  cc -std=c99 "${warnings[@]}" "$here/one_entry.c" -o "$work/one_entry" \
    $(pkg-config --static --define-variable=library=:libmillrace.a --cflags --libs millrace)
  [[ $(needs "$work/one_entry") != *libmillrace* ]] || die "the shared library was linked"
  consume "$work/one_entry" "$(version): tea"
}

c() { # PREFIX
  local said
  # Who links the shared library needs nothing of what it was made from.
  cmake -S "$here/c" -B "$work" -DCMAKE_PREFIX_PATH="$1" -DCMAKE_DISABLE_FIND_PACKAGE_{OpenSSL,yaml-cpp,PkgConfig}=ON
  cmake --build "$work"
  consume "$work/one_entry" "$(version): tea"
  mkdir "$work/wrong"
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(wrong NONE)\nfind_package(millrace REQUIRED COMPONENTS java)\n' \
    >"$work/wrong/CMakeLists.txt"
  if said=$(cmake -S "$work/wrong" -B "$work/wrong" -DCMAKE_PREFIX_PATH="$1" 2>&1); then die "a component java was found"; fi
  [[ $(tr -s ' \n' ' ' <<<"$said") == *"millrace has no component 'java'"* ]] || die "no word of the component: $said"
}

native() { # PREFIX
  (cd "$1/include" && printf '#include <%s>\n' millrace/*.hpp) >"$work/all.cpp"
  c++ -std=c++20 "${warnings[@]}" -Wshadow -I"$1/include" -fsyntax-only "$work/all.cpp"
  cmake -S "$here/native" -B "$work" -DCMAKE_PREFIX_PATH="$1"
  cmake --build "$work"
  [[ $(needs "$work/one_entry_c") != *libmillrace* ]] || die "the shared library was linked"
  consume "$work/one_entry" tea
  consume "$work/one_entry_c" "$(version): tea"
}

# All of it would be a build of the core once more. What can go wrong here alone are folders, and names of targets.
subdirectory() { # HIREDIS
  cmake -S "$here/subdirectory" -B "$work" -DMILLRACE_DIR="$root" -DHIREDIS_SOURCE_DIR="$1"
  ninja -C "$work" -n one_entry one_entry_c >/dev/null
  ninja -C "$work" millrace_hiredis millrace/core/CMakeFiles/millrace_core.dir/src/resp/decoder.cpp.o objects objects_c
  local targets
  targets=$(ninja -C "$work" -t targets all)
  [[ $targets != *millrace-harness* && $targets != *gtest* ]] || die "another project would build our commands or tests"
}

case $1 in
  pkgconfig | static) PKG_CONFIG_PATH=$(echo "$2"/lib*/pkgconfig "$2"/lib/*/pkgconfig | tr ' ' '\n' | grep -v '\*' | head -1) ;;&
  pkgconfig | static) export PKG_CONFIG_PATH ;;&
  prefix | pkgconfig | static | c | native | subdirectory) "$@" ;;
  *) usage_error "tests/install: what is $1?" ;;
esac
