#!/usr/bin/env python3
"""The form of our files.

usage: text.py ROOT

At most 400 lines, unless one of the first 20 says "This file is long because …"; no tabs, no spaces at line ends; no `using namespace std`; no
notes of work that is left to do: those are issues.
"""
import os
import re
import sys

LINES_MAX = 400
SUFFIXES = ('.hpp', '.cpp', '.h', '.c', '.py', '.sh', '.cmake', '.ts', '.js', '.mjs')
NAMES = ('CMakeLists.txt', 'dev')
PASSED_OVER = {'.git', '.cache', 'build', 'dist', 'node_modules', '__pycache__', 'corpus'}
# Written so that this file passes its own test.
LEFT_OVER = re.compile(r'\b(' + '|'.join(('TO' 'DO', 'FIX' 'ME', 'X' 'XX')) + r')\b')
OPEN_STD = re.compile(r'using\s+namespace\s+std\s*;')


def files(root):
    for path, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in PASSED_OVER)
        for name in sorted(names):
            if name.endswith(SUFFIXES) or name in NAMES:
                yield os.path.join(path, name)


def check(path):
    lines = open(path, encoding='utf-8').read().split('\n')
    is_cpp = path.endswith(('.hpp', '.cpp', '.h'))
    if len(lines) - 1 > LINES_MAX and not any('This file is long because' in line for line in lines[:20]):
        yield len(lines) - 1, f'more than {LINES_MAX} lines, and its head does not say why'
    for number, line in enumerate(lines, 1):
        if '\t' in line:
            yield number, 'a tab'
        if line != line.rstrip():
            yield number, 'a space at the end'
        if LEFT_OVER.search(line):
            yield number, 'a note of something left to do'
        if is_cpp and OPEN_STD.search(line):
            yield number, 'all of std in one scope'


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = sys.argv[1]
    count = wrong = 0
    for path in files(root):
        count += 1
        for number, what in check(path):
            wrong += 1
            print(f'{os.path.relpath(path, root)}:{number}: {what}')
    print(f'{count} files, {wrong} faults of form')
    sys.exit(1 if wrong or count < 20 else 0)


main()
