#!/usr/bin/env python3
"""Who includes whom: core <- bindings <- harness, and tests may see all.

usage: includes.py ROOT

A header of another component is only had from its folder `include`. hiredis is core/src/resp's alone, nlohmann_json is core/src/event's
within the core, and the core includes nothing that does I/O, tells the time or is random.
"""
import os
import re
import sys

SUFFIXES = ('.hpp', '.cpp', '.h', '.c')
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
HIREDIS = {'read.h', 'sds.h', 'alloc.h', 'hiredis.h', 'async.h', 'net.h'}
# Of the standard library and POSIX. sys/types.h holds types alone.
NOT_IN_CORE = re.compile(
    r'^(chrono|ctime|time\.h|thread|mutex|shared_mutex|atomic|condition_variable|future|semaphore|latch|barrier|random|iostream|ostream|'
    r'istream|fstream|sstream|iomanip|locale|regex|filesystem|cstdio|csignal|signal\.h|unistd\.h|fcntl\.h|netdb\.h|poll\.h|pthread\.h|'
    r'sys/(?!types\.h).*|arpa/.*|netinet/.*|openssl/.*|unordered_map|unordered_set)$')


def sources(root, folder):
    for path, folders, files in os.walk(os.path.join(root, folder)):
        folders[:] = sorted(f for f in folders if f not in ('node_modules', 'build'))
        for name in sorted(files):
            if name.endswith(SUFFIXES):
                yield os.path.relpath(os.path.join(path, name), root)


def components(root):
    """Name -> (its folders for headers, what else it may use)."""
    bindings = sorted(b for b in os.listdir(os.path.join(root, 'bindings'))) if os.path.isdir(
        os.path.join(root, 'bindings')) else []
    public = ['core/include'] + [f'bindings/{b}/include' for b in bindings]
    table = {'core': (['core/include', 'core/src'], [])}
    for b in bindings:
        table[f'bindings/{b}'] = ([f'bindings/{b}/include', f'bindings/{b}/src', f'bindings/{b}'],
                                  ['core/include', 'bindings/native/include', 'bindings/c/include'])
    table['harness'] = (['harness/src', 'harness'], public)
    return table


def check(root):
    table = components(root)
    every_root = [folder for own, _ in table.values() for folder in own] + ['tests', 'tests/unit']
    wrong = []
    count = 0
    for component, (own, others) in table.items():
        for file in sources(root, component):
            count += 1
            for number, line in enumerate(open(os.path.join(root, file), encoding='utf-8'), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quoted, header = match.group(1) == '"', match.group(2)
                where = f'{file}:{number}: includes {header}'
                here = os.path.dirname(file)
                may_see = [here] + own + others
                if header.startswith('..'):
                    wrong.append(f'{where} by a path out of its folder')
                elif quoted and any(os.path.exists(os.path.join(root, r, header)) for r in may_see):
                    continue
                elif header in HIREDIS:
                    if not file.startswith('core/src/resp/'):
                        wrong.append(f'{where} of hiredis, which is for core/src/resp alone')
                elif header.startswith('nlohmann/'):
                    if component == 'core' and not file.startswith('core/src/event/'):
                        wrong.append(f'{where}, which is for core/src/event alone')
                elif component == 'core' and NOT_IN_CORE.match(header):
                    wrong.append(f'{where}, which has no place in the core')
                else:
                    seen = [r for r in every_root if os.path.exists(os.path.join(root, r, header))]
                    if seen and quoted:
                        wrong.append(f'{where} of {seen[0]}, which {component} must not see')
    return count, wrong


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    count, wrong = check(sys.argv[1])
    for line in wrong:
        print(line)
    print(f'{count} files, {len(wrong)} wrong includes')
    sys.exit(1 if wrong or count < 20 else 0)


main()
