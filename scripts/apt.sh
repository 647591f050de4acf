# A private apt: reads another suite of the mirrors this machine already uses, with the machine's own proxies, credentials
# and keys, and touches nothing of the machine. Sourced; needs no root. No mirror is named here, so any works.

debian_keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [[ -r $file ]] && echo "$file" && return
  done
  die "apt has no keys of Debian: apt-get install debian-archive-keyring"
}

# The mirrors that carry this machine's own release, however its sources are written. A snapshot of a day is followed by
# the same mirror's newest one: what a frozen day lacks may be there.
debian_mirrors() {
  local release mirror
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --no-release-info --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v own="$release" '$1 == "main" && ($2 == own || $2 ~ /^(oldstable|stable|testing|unstable|sid)$/) { print $3 }' |
    while read -r mirror; do
      [[ $mirror != cdrom:* ]] || continue
      say "$mirror"
      if [[ $mirror =~ [0-9]{8}T[0-9]{6}Z ]]; then say "${mirror/"${BASH_REMATCH[0]}"/$(date -u +%Y%m%dT000000Z)}"; fi
    done | awk '!seen[$0]++'
}

# apt_private DIR MIRROR TYPE SUITE...: lay out a private apt in DIR (TYPE: deb or deb-src) and read its lists.
apt_private() {
  local dir=$1 mirror=$2 type=$3
  shift 3
  mkdir -p "$dir"/{lists,archives}/partial
  : >"$dir/status" # nothing counts as installed, so a package comes with every library it needs
  printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
    "$type" "$mirror" "$*" "$(debian_keyring)" >"$dir/apt.sources"
  # The machine's settings, without its directories, pins and hooks (those refresh caches and delete the machine's own).
  apt-config dump | grep -Ev '^(Dir|DPkg|APT::(Update|NeverAutoRemove|Default-Release)|Acquire::IndexTargets)\b' \
    >"$dir/apt.conf" || true
  cat >>"$dir/apt.conf" <<CONF
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "$dir/apt.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::State::extended_states "$dir/extended_states";
Dir::Cache::archives "$dir/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "$dir";
APT::Sandbox::User "root"; // apt's own user may not be able to reach a checkout in a home directory
APT::Get::List-Cleanup "false";
Acquire::Languages "none";
Acquire::Retries "2";
CONF
  # Without Error-Mode a list that can't be had is a warning, and the old or no list is used in silence.
  APT_CONFIG=$dir/apt.conf apt-get -q -o APT::Update::Error-Mode=any update
}

# apt_in DIR apt-get|apt-cache ARGS...
apt_in() {
  local dir=$1
  shift
  APT_CONFIG=$dir/apt.conf "$@"
}
