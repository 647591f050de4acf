#!/usr/bin/env bash
# Fetches Prometheus' promtool into the cache, once, out of Debian's package, which would install a daemon too; prints its path.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

target=$cache/promtool
if [[ ! -x $target/promtool ]]; then
  mkdir -p "$cache/logs"
  exec 9>"$cache/promtool.lock"
  flock 9
fi
if [[ ! -x $target/promtool ]]; then
  log=$cache/logs/promtool.log
  command -v apt-get dpkg-deb >"$log" || die "promtool is fetched with apt, which is not here"
  temp=$(mktemp -d "$cache/promtool.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  note "fetching promtool out of Debian's prometheus"
  # Root's apt drops its rights for a download, and then may not write here.
  (cd "$temp" && apt-get -q -o APT::Sandbox::User=root download prometheus) >>"$log" 2>&1 || die "can't fetch prometheus, see $log"
  dpkg-deb --extract "$temp"/prometheus_*.deb "$temp/root"
  mkdir "$temp/out"
  cp "$temp/root/usr/bin/promtool" "$temp/out/"
  "$temp/out/promtool" --version >>"$log" 2>&1 || die "promtool does not run here, see $log"
  rm -rf "$target"
  mv "$temp/out" "$target"
fi
say "$target/promtool"
