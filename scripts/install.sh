#!/usr/bin/env bash
# install.sh GROUP...: installs the packages of packages.tsv that are missing. With all there, it asks nobody anything.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Whoever has the tools from elsewhere says so; what is missing after all, CMake will name.
[[ -z ${MILLRACE_SKIP_INSTALL:-} ]] || exit 0

groups=" $* "
# An emsdk takes the place of Debian's Emscripten.
if [[ ${EMSDK:-} ]]; then groups=${groups/ emscripten / }; fi
mapfile -t wanted < <(
  awk -F'\t' -v groups="$groups" 'index(groups, " " $1 " ") { print $2 }' "$root/scripts/packages.tsv" | tr ' ' '\n' | sort -u
)

command -v dpkg-query >/dev/null ||
  die "this is no Debian; have these at hand and set MILLRACE_SKIP_INSTALL=1: ${wanted[*]}" 2

# Whoever made a package, it counts: a nodejs of another vendor is not replaced.
missing=()
for package in "${wanted[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

install=(apt-get install --yes --no-install-recommends "${missing[@]}")
[[ $(id -u) -eq 0 ]] || die "missing packages; as root: ${install[*]}" 2

mkdir -p "$cache/logs"
log=$cache/logs/install.log
note "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
{
  apt-get -q update
  # Another apt may be at work on a machine that has just started.
  "${install[@]}" -q -o DPkg::Lock::Timeout=300
} >"$log" 2>&1 </dev/null ||
  die "could not install: $(grep '^E:' "$log" | tail -1) (all of it: $log); the command was: ${install[*]}"
