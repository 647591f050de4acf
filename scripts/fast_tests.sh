#!/usr/bin/env bash
# fast_tests.sh FOLDER: the fast tests of the build with sanitizers, for ./dev test; JUnit files go to FOLDER. `ctest
# --preset fast` runs the same, a process for each test: three quarters of its time go to starting them, and to adding up
# the counts of coverage.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[[ $# -eq 1 ]] || usage_error "fast_tests: which folder?"
build=$root/build/asan results=$1 parts=$(nproc) status=0
rm -rf "$results"
mkdir -p "$results"
find "$build" -name '*.gcda' -delete # counts of an earlier run would be added up

ctest --test-dir "$build" --output-on-failure --no-tests=error --output-junit "$results/others.xml" -L '^fast$' -j "$parts" ||
  status=1

part() { # PROGRAM INDEX PARTS FOLDER
  local name
  name=$(basename "$1").$2
  cd "$(dirname "$1")"
  if ! GTEST_TOTAL_SHARDS=$3 GTEST_SHARD_INDEX=$2 timeout 900 "$1" --gtest_brief=1 "--gtest_output=xml:$4/$name.xml" \
    >"$4/$name.log" 2>&1; then
    tail -n 40 "$4/$name.log"
    printf 'part %s of %s failed; all of it: %s\n' "$name" "$3" "$4/$name.log"
    return 1
  fi
}
export -f part
while read -r program; do
  for ((index = 0; index < parts; ++index)); do printf '%s\0' "$program" "$index" "$parts" "$results"; done
done <"$build/fast_programs.txt" | xargs -0 -n 4 -P "$parts" bash -c 'part "$@"' - || status=1
exit "$status"
