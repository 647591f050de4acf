# What every script shares: where things are, and how it speaks. Sourced, never run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Absolute: the scripts change directory, and the wrappers and CMake get paths from here.
cache=$(realpath -m "${MILLRACE_CACHE:-$root/.cache}")
servers=$cache/servers
export MILLRACE_CACHE=$cache

# Colour is for a person at a terminal; logs and CI get plain text.
if [[ -t 1 && -z ${CI:-} && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' red='' green='' plain=''
fi

say() { printf '%s\n' "$*"; }
note() { printf 'dev: %s\n' "$*" >&2; }
die() {
  note "$1"
  exit "${2:-1}"
}
usage_error() { die "$1; see ./dev help" 2; }

# Debian's Python, whatever comes first in PATH: a venv of another one has other wheels.
system_python() {
  if [[ -x /usr/bin/python3 ]]; then echo /usr/bin/python3; else command -v python3; fi
}
