#!/usr/bin/env bash
# The npm package of bindings/wasm, for the other scripts: npm.sh install | build | test [JUNIT], or exec COMMAND... with
# its Node. The module comes from `./dev build wasm`.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

package=$root/bindings/wasm

# At least Node 20: the machine's, or one from npm where that is older (Debian 12 has 18).
use_node() {
  local major
  major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  [[ $major -lt 20 ]] || return 0
  if [[ ! -x $cache/node/node_modules/.bin/node ]]; then
    note 'fetching Node 22'
    mkdir -p "$cache/node"
    echo '{ "private": true }' >"$cache/node/package.json"
    npm install --prefix "$cache/node" --no-audit --no-fund node@22 >"$cache/logs/node.log" 2>&1 ||
      die "could not fetch Node 22 by npm; all of it: $cache/logs/node.log"
  fi
  export PATH=$cache/node/node_modules/.bin:$PATH
}

tools() {
  bash "$root/scripts/install.sh" wasm
  # Another vendor's nodejs has an npm of its own, beside which Debian's can't be installed.
  command -v npm >/dev/null || bash "$root/scripts/install.sh" npm
  mkdir -p "$cache/logs"
  use_node
}

# What package-lock.json names, and only when it names something else than last time.
fetch() {
  local stamp=$package/node_modules/.lock.sha256
  if ! sha256sum --check --status "$stamp" 2>/dev/null; then
    # Not `npm ci`: a lock without addresses of a registry lacks what other platforms would install, and it takes that for a fault.
    (cd "$package" && npm install --no-save --no-audit --no-fund --loglevel=error)
    (cd "$root" && sha256sum "$package/package-lock.json" >"$stamp")
  fi
}

# The Nodes that the package is tested in, each from npm's package `node`: in a project of their own, since all of them bring
# a command `node`. One that npm lacks for this machine is told of as absent by the tests.
fetch_nodes() {
  local major wanted=()
  for major in 20 22 24; do
    [[ -x $cache/nodes/node_modules/node$major/bin/node ]] || wanted+=("node$major@npm:node@$major")
  done
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  note "fetching ${wanted[*]}"
  mkdir -p "$cache/nodes"
  [[ -f $cache/nodes/package.json ]] || echo '{ "private": true }' >"$cache/nodes/package.json"
  npm install --prefix "$cache/nodes" --no-audit --no-fund "${wanted[@]}" >"$cache/logs/nodes.log" 2>&1 ||
    note "could not fetch ${wanted[*]} by npm; all of it: $cache/logs/nodes.log"
}

[[ $# -ge 1 ]] || usage_error 'npm: one of install, build, test, exec'
tools
case $1 in
  install) fetch ;;
  build)
    fetch
    node "$package/build.mjs"
    mkdir -p "$root/build/bin"
    node "$root/harness/agents/node/build.mjs" "$root/build/bin"
    ;;
  test)
    fetch_nodes
    rm -f "$root"/build/npm-*.md
    cd "$package"
    shopt -s globstar
    reporters=(--test-reporter=spec --test-reporter-destination=stdout)
    if [[ ${2:-} ]]; then reporters+=(--test-reporter=junit "--test-reporter-destination=$2"); fi
    # Files at once as there are cores on the smallest machine: more browsers and runtimes would starve each other.
    exec timeout 600 node --test --test-concurrency=2 --test-timeout=240000 "${reporters[@]}" test/**/*.test.mjs
    ;;
  exec) exec "${@:2}" ;;
  *) usage_error "npm: unknown command '$1'" ;;
esac
