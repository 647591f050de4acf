#!/usr/bin/env bash
# Fetches hiredis' sources (bookworm's own 0.14 can't read RESP3) into the cache, once; prints their directory.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$root/scripts/apt.sh"

suite=trixie
version=1.2.0
target=$cache/hiredis

if [[ ! -f $target/read.c ]]; then
  mkdir -p "$cache/logs"
  exec 9>"$cache/hiredis.lock"
  flock 9
fi
if [[ ! -f $target/read.c ]]; then
  log=$cache/logs/hiredis.log
  hint="; to use a copy of your own: cmake -DHIREDIS_SOURCE_DIR=<directory with read.c>"
  command -v apt-get >"$log" || die "hiredis $version is fetched with apt, which is not here$hint"
  temp=$(mktemp -d "$cache/hiredis.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  note "fetching the sources of hiredis $version from Debian $suite"
  got=
  for mirror in $(debian_mirrors); do
    # The subshell's own `set -e` is off in a condition, hence the chain.
    if (apt_private "$temp/apt" "$mirror" deb-src "$suite" && cd "$temp" &&
      apt_in "$temp/apt" apt-get -q source --download-only hiredis) >>"$log" 2>&1; then
      got=yes
      break
    fi
  done
  [[ $got ]] || die "can't fetch hiredis from Debian $suite, see $log$hint"
  mkdir "$temp/src"
  # apt has checked this archive against the signed lists; Debian's patches concern its packaging.
  tar -xf "$temp"/hiredis_"$version".orig.tar.* -C "$temp/src" --strip-components=1 2>>"$log" ||
    die "Debian $suite no longer has hiredis $version, see $log$hint"
  rm -rf "$target"
  mv "$temp/src" "$target"
fi
say "$target"
