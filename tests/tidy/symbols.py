#!/usr/bin/env python3
"""The core's archive: what it needs from outside, and what of C it gives.

usage: symbols.py ARCHIVE ALLOWED HIREDIS_SYMBOLS

Every symbol that the archive leaves undefined must match a line of ALLOWED (core_symbols.txt), so that no socket, clock, thread,
file, environment or randomness gets into the core unseen. Every symbol of C that it defines must be one of HIREDIS_SYMBOLS under
the prefix mrh_, so that it can be linked beside the distribution's libhiredis.
"""
import fnmatch
import re
import subprocess
import sys

# Left by the instruments of -fsanitize and --coverage, never by our sources.
INSTRUMENTS = re.compile(r'^(__asan_|__odr_asan\.|__ubsan_|__lsan_|__sanitizer_|__gcov_|__llvm_|__tls_get_addr)')


def run(*command, text=None):
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


def names(archive, kind):
    """Mangled names of `nm --KIND-only`; of defined ones only those that other objects see."""
    found = set()
    for line in run('nm', '--format=posix', '--extern-only', kind, archive).splitlines():
        words = line.split()
        if len(words) >= 2 and not line.endswith(':'):
            found.add(words[0])
    return found


def demangle(mangled):
    mangled = sorted(mangled)
    return list(zip(mangled, run('c++filt', text='\n'.join(mangled) + '\n').splitlines()))


def allowed_patterns(path):
    patterns = []
    for number, line in enumerate(open(path, encoding='utf-8'), 1):
        line = line.rstrip('\n')
        if not line or line.startswith('#'):
            continue
        parts = re.split(r' {2,}', line, maxsplit=1)
        if len(parts) != 2 or not parts[1].strip():
            sys.exit(f'{path}:{number}: no reason is given for {line!r}')
        patterns.append(parts[0])
    return patterns


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    archive, allowed, hiredis = sys.argv[1:]
    defined = names(archive, '--defined-only')
    undefined = names(archive, '--undefined-only') - defined
    if len(defined) < 50:
        sys.exit(f'{archive} defines {len(defined)} symbols: is it the core?')
    patterns = [p.replace('[', '[[]') for p in allowed_patterns(allowed)]
    wrong = []
    for mangled, name in demangle(undefined):
        if not INSTRUMENTS.match(mangled) and not any(fnmatch.fnmatchcase(name, p) for p in patterns):
            wrong.append(f'needs {name}, which {allowed} does not allow')

    renamed = {line.strip() for line in open(hiredis, encoding='utf-8') if re.match('[a-z]', line)}
    for mangled in sorted(defined):
        if mangled.startswith('_Z') or INSTRUMENTS.match(mangled):
            continue
        if not mangled.startswith('mrh_') or mangled[4:] not in renamed:
            wrong.append(f'exports {mangled}, which is no name of {hiredis} behind mrh_')
    if 'mrh_redisReaderGetReply' not in defined:
        wrong.append("does not hold hiredis' reader")

    for line in wrong:
        print(f'{archive} {line}')
    print(f'{len(undefined)} symbols needed, {len(defined)} defined, {len(wrong)} wrong')
    sys.exit(1 if wrong else 0)


main()
