#!/usr/bin/env bash
# ./dev test: all that CI runs. A step that fails doesn't stop those that can go on without it.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$root/scripts/steps.sh"

[[ $# -eq 0 ]] || usage_error "test: takes no arguments"
declare -A ended # step name -> ok, failed or skipped
passed=0 failed=0
summary=()
findings=$logs/failed.txt # what failed and what it said, for the end: much is printed after it
: >"$findings"

# Adds the cases of a JUnit file, or of a folder of them, to the counts; skipped ones are neither. Notes what the failed
# ones said.
count_junit() { # FILE-OR-FOLDER
  local good bad
  read -r good bad < <("$(system_python)" - "$1" 2>>"$findings" <<'PYTHON'
import pathlib, sys, xml.etree.ElementTree as tree
given = pathlib.Path(sys.argv[1])
files = given.glob('*.xml') if given.is_dir() else [given]
good = bad = 0
cases = []
for file in files:
    try:
        cases += tree.parse(file).getroot().iter('testcase')
    except (tree.ParseError, OSError) as wrong:  # cut short by whatever ended the runner
        bad += 1
        print(f'{file} is no JUnit: {wrong}', file=sys.stderr)
for case in cases:
    children = {child.tag: child for child in case}
    if children.keys() & {'failure', 'error'}:
        bad += 1
        said = (case.findtext('system-out') or case.findtext('failure') or '').strip().splitlines()
        print(f"{case.get('classname')} {case.get('name')}", *said[-25:], sep='\n  ', file=sys.stderr)
    elif 'skipped' not in children:
        good += 1
print(good, bad)
PYTHON
  )
  passed=$((passed + good)) failed=$((failed + bad))
  tests="$good passed, $bad failed"
  junit_bad=$bad junit_good=$good
}

# check [--live] [--needs=STEP,…] [--junit=FILE-OR-FOLDER] NAME TITLE COMMAND...
check() {
  local live=() needs='' junit='' name title need tests='' junit_bad=0 junit_good=0
  while [[ $1 == --* ]]; do
    case $1 in
      --live) live=(--live) ;;
      --needs=*) needs=${1#--needs=} ;;
      --junit=*) junit=${1#--junit=} ;;
    esac
    shift
  done
  name=$1 title=$2
  shift 2
  for need in ${needs//,/ }; do
    if [[ ${ended[$need]} != ok ]]; then
      say "$bold== $title$plain"$'\n'"   skipped, since '$need' failed"
      ended[$name]=skipped failed=$((failed + 1))
      summary+=("$(printf '%-8s %6s  %-44s %s' skipped - "$title" "needs $need")")
      return
    fi
  done
  if [[ $junit ]]; then rm -rf "$junit"; fi
  # A test runner's last lines say little; the JUnit file names what failed.
  step_tail=40
  if [[ $junit ]]; then step_tail=3; fi
  if step "${live[@]}" "$name" "$title" "$@"; then ended[$name]=ok; else ended[$name]=failed; fi
  if [[ $junit && -s $junit ]]; then
    local noted
    noted=$(wc -l <"$findings")
    count_junit "$junit"
    tail -n "+$((noted + 1))" "$findings" | sed 's/^/   | /'
  fi
  # A step counts as one test where it has none of its own, or fails for another reason than theirs.
  if [[ ${ended[$name]} == failed && $junit_bad -eq 0 ]]; then
    failed=$((failed + 1))
    { printf '%s\n' "$title" && tail -n 25 "$logs/$name.log" | sed 's/^/  /'; } >>"$findings"
  elif [[ ${ended[$name]} == ok && $junit_good -eq 0 ]]; then
    passed=$((passed + 1))
  fi
  summary+=("$(printf '%-8s %4d s  %-44s %s' "${ended[$name]}" "$step_seconds" "$title" "$tests")")
}

build() { bash "$root/scripts/build.sh" "$1"; }

run_ctest() { # PRESET JUNIT CTEST-OPTIONS...
  ctest --test-dir "$root/build/$1" --output-on-failure --no-tests=error --output-junit "$2" "${@:3}"
}

coverage() {
  gcovr --root "$root" --filter "$root/core/src/" --object-directory "$root/build/asan" --exclude-unreachable-branches \
    --print-summary --fail-under-line 90
}

# What was tried where: the tests of the package leave tables (bindings/wasm/test/support/matrix.mjs).
show_tables() {
  local table
  for table in "$root"/build/npm-*.md; do
    [[ -f $table ]] || continue
    say
    sed 's/^/   /' "$table"
  done
}

# The cases of other agents than the native one.
run_agents() { # REPORT AGENTS SERVERS [PREFIX-OF-CASES...]
  local report=$1 agents servers cases node=()
  read -ra agents <<<"$2"
  read -ra servers <<<"$3"
  mapfile -t cases < <(bash "$root/scripts/agent_cases.sh" few "${@:4}")
  [[ ${#cases[@]} -gt 0 ]] || die "there is no such case"
  if [[ $2 == node ]]; then node=(bash "$root/scripts/npm.sh" exec); fi
  "${node[@]}" "$root/build/bin/millrace-harness" run "${agents[@]/#/--agent=}" --rounds=3 --jobs=12 \
    "${servers[@]/#/--server=local:}" "${cases[@]/#/--scenario=}" --report="$root/build/$report"
}
# What servers of other versions answer otherwise: it is played on the oldest with Streams and on the newest.
facts=(claim/ delete-acked/ detection/ names/ poison/ publish/ rungs/ tail)

# 100,000 entries through an example, while Redis and the example are killed; that of C is among the other tests.
survive() { # LANGUAGE
  local consumer=("$root/build/bin/consumer-$1")
  if [[ $1 == python ]]; then consumer=("$(system_python)" "$root/build/bin/consumer.py"); fi
  "$(system_python)" "$root/tests/examples/survive.py" "${consumer[@]}"
}

# One server that a registry has dropped fails nothing here; `servers` has told of it.
run_harness() {
  local present
  mapfile -t present < <(bash "$root/scripts/servers.sh" present)
  [[ ${#present[@]} -gt 0 ]] || die "no server is at hand"
  "$root/build/bin/millrace-harness" run "${present[@]/#/--server=local:}" --rounds=10 --jobs=12 \
    --report="$root/build/report"
}

check packages 'Packages' bash "$root/scripts/install.sh" servers native wasm emscripten go rust test
check --live servers 'Servers' bash "$root/scripts/servers.sh"
check --needs=packages format 'Format' bash "$root/scripts/format.sh" --check
check --needs=packages promtool 'promtool' bash "$root/scripts/promtool.sh"
check --needs=packages release 'Build: release' build native
check --needs=packages asan 'Build: ASan and UBSan' build asan
check --needs=packages wasm 'Build: WebAssembly' build wasm
check --needs=wasm npm 'Build: the npm package' bash "$root/scripts/npm.sh" build
for name in usage servers compose; do
  check --needs=packages "setup-$name" "Set-up: $name" bash "$root/tests/setup/${name}_test.sh"
done
check --needs=release setup-compose_run "Set-up: the composed harness's command" bash "$root/tests/setup/compose_run_test.sh"
check --needs=release languages 'Build: Python, Go and Rust' bash "$root/scripts/languages.sh" build
check --needs=asan --junit="$logs/fast" fast 'Tests: fast, under the sanitizers' bash "$root/scripts/fast_tests.sh" "$logs/fast"
check --needs=asan coverage 'Coverage of core/src, at least 90 % of lines' coverage
check --needs=release,wasm --junit="$logs/rest.xml" rest 'Tests: all others, as released' \
  run_ctest release "$logs/rest.xml" -LE '^fast$' -j $((4 * $(nproc))) # they wait more than they work
check --needs=npm --junit="$logs/npm.xml" npm-test 'Tests: the npm package' bash "$root/scripts/npm.sh" test "$logs/npm.xml"
[[ ${ended[npm-test]} == skipped ]] || show_tables
for language in python go rust; do
  check --needs=languages "test-$language" "Tests: ${language^}" bash "$root/scripts/languages.sh" test "$language"
  check --needs=languages "survive-$language" "${language^}'s example survives" survive "$language"
done
check --live --needs=release,npm --junit="$root/build/report-node/junit.xml" \
  harness-node 'Harness: the node agent on Redis 7.0' run_agents report-node node redis-7.0
check --live --needs=release,npm --junit="$root/build/report-node-facts/junit.xml" \
  harness-node-facts 'Harness: the node agent on Redis 5.0 and 8.6' \
  run_agents report-node-facts node 'redis-5.0 redis-8.6' "${facts[@]}"
check --live --needs=languages --junit="$root/build/report-c/junit.xml" \
  harness-c 'Harness: C, Python, Go and Rust on Redis 7.0' run_agents report-c 'c python go rust' redis-7.0
check --live --needs=languages --junit="$root/build/report-c-facts/junit.xml" \
  harness-c-facts 'Harness: C, Python, Go and Rust on 5.0 and 8.6' \
  run_agents report-c-facts 'c python go rust' 'redis-5.0 redis-8.6' "${facts[@]}"
check --live --needs=release --junit="$root/build/report/junit.xml" \
  harness 'Harness: the native agent on every server' run_harness

say
say "${bold}Summary$plain, $((SECONDS / 60)) min $((SECONDS % 60)) s"
printf '%s\n' "${summary[@]}"
say "$passed passed, $failed failed"
if [[ -s $findings ]]; then
  say
  say "${bold}What failed$plain"
  head -n 300 "$findings" | sed 's/^/  /'
fi
[[ $failed -eq 0 ]]
