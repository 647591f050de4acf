#!/usr/bin/env python3
"""One table of errors: what the C library says, the constants of millrace.h, docs/errors.md (printed from the core's
table) and the codes of the npm package.

usage: statuses.py PROGRAM ROOT
"""
import os
import re
import subprocess
import sys

FATAL = {'closed', 'auth', 'no_permission', 'wrong_type', 'unsupported'}  # as millrace.h says of mr_is_fatal


def read(*path):
    return open(os.path.join(*path), encoding='utf-8').read()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, root = sys.argv[1:]
    wrong = []
    said = {}
    for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
        status, *rest = line.split('\t')
        said[int(status)] = rest

    table = read(root, 'docs/errors.md').split('\n## ')[0]
    rows = re.findall(r'^\| `(\w+)` \| \w+ \| (yes|no) \| (.*) \| (.*) \|$', table, flags=re.M)
    documented = [('ok', 'no', None, None)] + rows
    for status, (name, retry, meaning, advice) in enumerate(documented):
        have = said[status]
        for what, should, is_so in (('name', name, have[0]), ('retryable', str(int(retry == 'yes')), have[1]),
                                    ('fatal', str(int(name in FATAL)), have[2]), ('meaning', meaning, have[3]),
                                    ('advice', advice, have[4])):
            if should is not None and should != is_so:
                wrong.append(f'{what} of status {status} is {is_so!r} to the library, {should!r} to docs/errors.md')
    for status in (s for s in said if not 0 <= s < len(documented)):
        if said[status][0] != 'unknown' or said[status][1:3] != ['0', '0'] or not said[status][3]:
            wrong.append(f'status {status}, which is none, is {said[status]}')

    constants = re.findall(r'^    (MR_\w+) = (\d+)', re.search(r'enum \{\s*MR_OK.*?\};', read(
        root, 'bindings/c/include/millrace.h'), flags=re.S).group(0), flags=re.M)
    if constants != [(f'MR_{row[0].upper()}', str(status)) for status, row in enumerate(documented)]:
        wrong.append(f'millrace.h has {constants}, docs/errors.md {[row[0] for row in documented]}')

    union = re.search(r'export type ErrorCode =(.*?);', read(root, 'bindings/wasm/src/errors.ts'), flags=re.S).group(1)
    if re.findall(r"'(\w+)'", union) != [row[0] for row in rows]:
        wrong.append(f'errors.ts has {union}, docs/errors.md {[row[0] for row in rows]}')

    for line in wrong:
        print(line)
    print(f'{len(documented)} statuses, {len(wrong)} differences')
    sys.exit(1 if wrong or len(rows) < 20 else 0)


main()
