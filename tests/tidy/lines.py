#!/usr/bin/env python3
"""Lines of the specification that are named anywhere are lines of docs/delivery.md.

usage: lines.py ROOT

Findings, comments and tests point into the specification by AREA-number; one that points to nothing is a slip of the pen.
"""
import os
import re
import sys

SUFFIXES = ('.hpp', '.cpp', '.h', '.c', '.py', '.sh', '.ts', '.mjs', '.go', '.rs', '.md')
PASSED_OVER = {'.git', '.cache', 'build', 'dist', 'node_modules', '__pycache__', 'target'}
DEFINED = re.compile(r'^(?:<a .*></a>)?\*\*([A-Z]+-\d+)\*\* ', re.M)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = sys.argv[1]
    with open(os.path.join(root, 'docs', 'delivery.md'), encoding='utf-8') as page:
        defined = set(DEFINED.findall(page.read()))
    areas = {line.split('-')[0] for line in defined}
    named = re.compile(r'(?<![A-Za-z0-9_-])(?:%s)-[1-9][0-9]?(?![A-Za-z0-9_-])' % '|'.join(sorted(areas)))
    count = wrong = 0
    for path, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in PASSED_OVER)
        for name in sorted(n for n in names if n.endswith(SUFFIXES)):
            file = os.path.join(path, name)
            with open(file, encoding='utf-8') as text:
                for number, line in enumerate(text, 1):
                    for found in named.findall(line):
                        count += 1
                        if found not in defined:
                            wrong += 1
                            print(f'{os.path.relpath(file, root)}:{number}: {found} is no line of docs/delivery.md')
    print(f'{count} mentions of {len(defined)} lines, {wrong} of none')
    sys.exit(1 if wrong or len(defined) < 20 else 0)


main()
