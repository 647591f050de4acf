#!/usr/bin/env bash
# ./dev format [--check]
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  '') mode=(-i) ;;
  --check) mode=(--dry-run --Werror) ;;
  *) usage_error "format: unknown option '$1'" ;;
esac
bash "$root/scripts/install.sh" format
cd "$root"
git ls-files -z '*.c' '*.h' '*.cpp' '*.hpp' | xargs -0r clang-format "${mode[@]}" --style=file
