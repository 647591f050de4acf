#!/usr/bin/env python3
"""The C ABI, held to what was promised.

usage: abi.py golden  HEADER GOLDEN CC CXX   types, values and layouts are those of GOLDEN, and it lacks none
       abi.py write   HEADER GOLDEN CC       writes GOLDEN anew
       abi.py compile HEADER COMPILER...     the header in every C and C++ from C99 and C++11 on, with all warnings
       abi.py symbols HEADER LIBRARY         what the shared library exports, and what it needs

GOLDEN may grow. A line of it that has been in a release changes only with MR_ABI_VERSION, and with it the library's name.
"""
import os
import re
import subprocess
import sys
import tempfile

from header import Header

WARNINGS = ('-Wall', '-Wextra', '-Wpedantic', '-Wshadow', '-Wconversion', '-Werror')
STANDARDS = {'c': ('c99', 'c11', 'c17'), 'c++': ('c++11', 'c++17', 'c++20')}
# Of the systems that it runs on, and what a client without I/O of its own needs in addition.
NEEDED = re.compile(r'lib(c|m|gcc_s|stdc\+\+|c\+\+|ssl|crypto|yaml-cpp|cpp-httplib|asan|ubsan)\.so\.|ld-linux')


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def compile_source(compiler, language, standard, header, source):
    """What the compiler says of it; None when that is nothing."""
    done = run(compiler, '-x', language, f'-std={standard}', *WARNINGS, '-fsyntax-only',
               f'-I{os.path.dirname(header.path)}', '-', input=source)
    return None if done.returncode == 0 else f'{compiler} -std={standard}:\n{done.stderr}'


def read_golden(path):
    lines = [line.rstrip('\n') for line in open(path, encoding='utf-8') if line.strip() and not line.startswith('#')]
    return [line.split(' ', 2) for line in lines]


def assertions(golden):
    """Golden lines as a program that only compiles where they hold, both as C11 and as C++."""
    lines = ['#include "millrace.h"', '#ifdef __cplusplus', '#define SAME static_assert', 'extern "C" {', '#else',
             '#define SAME _Static_assert', '#endif']
    for kind, name, what in golden:
        if kind == 'function':  # a second declaration of another type is an error
            lines.append(f'{what};')
        elif kind == 'type':
            lines.append(f'typedef {what} {name};')
        elif kind == 'constant':
            lines.append(f'SAME({name} == {what}, "the value of {name}");')
        elif kind == 'struct':
            lines.append(f'SAME(sizeof({name}) == {what}, "the size of {name}");')
        elif kind == 'field':
            struct, field = name.split('.')
            offset, size = what.split()
            lines.append(f'SAME(offsetof({struct}, {field}) == {offset}, "the place of {name}");')
            lines.append(f'SAME(sizeof((({struct} *)0)->{field}) == {size}, "the size of {name}");')
        else:
            raise SystemExit(f'what is {kind} {name}?')
    return '\n'.join(lines + ['#ifdef __cplusplus', '}', '#endif', ''])


def names_of(header):
    """What GOLDEN must have a line of."""
    names = {('function', name) for name in header.functions} | {('struct', name) for name in header.structs}
    names |= {('constant', name) for name in header.constants} | {('type', name) for name in header.types}
    return names | {('field', f'{struct}.{field}') for struct, fields in header.structs.items() for field in fields}


def check_golden(header, golden, compilers):
    wrong = []
    have = [(kind, name) for kind, name, _ in golden]
    wrong += [f'golden.txt has {kind} {name} twice' for kind, name in set(have) if have.count((kind, name)) > 1]
    wrong += [f'golden.txt lacks {kind} {name}' for kind, name in sorted(names_of(header) - set(have))]
    wrong += [f'millrace.h lacks {kind} {name}' for kind, name in sorted(set(have) - names_of(header))]
    # Without holes no field can be overlooked, and a `size` says which fields a caller knows.
    sizes = {name: int(what) for kind, name, what in golden if kind == 'struct'}
    for struct, size in sizes.items():
        fields = sorted(tuple(map(int, what.split())) for kind, name, what in golden
                        if kind == 'field' and name.startswith(struct + '.'))
        end = 0
        for offset, length in fields:
            if offset != end:
                wrong.append(f'{struct} has a hole before byte {offset}')
            end = offset + length
        if end != size:
            wrong.append(f'{struct} has {size} bytes, its fields end at {end}')
    source = assertions(golden)
    for compiler, language, standard in zip(compilers, ('c', 'c++'), ('c11', 'c++11')):
        said = compile_source(compiler, language, standard, header, source)
        if said:
            wrong.append(said)
    return wrong


def write_golden(header, path, compiler):
    lines = [f'function {name} {prototype}' for name, prototype in sorted(header.functions.items())]
    lines += [f'type {name} {of}' for name, of in sorted(header.types.items())]
    prints = [f'printf("constant {name} %lld\\n", (long long){name});' for name in header.constants]
    for struct, fields in header.structs.items():
        prints.append(f'printf("struct {struct} %zu\\n", sizeof({struct}));')
        prints += [f'printf("field {struct}.{field} %zu %zu\\n", offsetof({struct}, {field}), '
                   f'sizeof((({struct} *)0)->{field}));' for field in fields]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, 'print')
        source = '#include <stdio.h>\n#include "millrace.h"\nint main(void) {\n' + '\n'.join(prints) + '\nreturn 0;\n}\n'
        subprocess.run([compiler, '-x', 'c', f'-I{os.path.dirname(header.path)}', '-o', program, '-'], input=source,
                       text=True, check=True)
        lines += run(program, check=True).stdout.splitlines()
    with open(path, 'w', encoding='utf-8') as file:
        file.write('# The C ABI on LP64 systems: prototypes, types, values, and sizes; of fields: offset and size.\n'
                   '# After a change of millrace.h: python3 tests/abi/abi.py write bindings/c/include/millrace.h '
                   'tests/abi/golden.txt cc\n')
        file.write('\n'.join(lines) + '\n')


def check_compile(header, compilers):
    """The header, what it defines, and the program in its head."""
    uses = []
    for struct in header.structs:
        if struct.upper() + '_INIT' in header.initial:
            uses.append(f'size_t size_of_{struct}(void);\nsize_t size_of_{struct}(void) {{\n'
                        f'    {struct} value = {struct.upper()}_INIT;\n    return value.size;\n}}')
    example = header.example()
    if 'mr_client_next' not in example:
        raise SystemExit(f'{header.path}: its head has no program any more')
    program = ('#include <stdio.h>\n#include "millrace.h"\n#include "millrace.h"\n' + '\n'.join(uses) +
               '\nvoid handle(const mr_entry *entry);\nint run(void);\nint run(void) {\n' + example +
               '\n    return 0;\n}\n')
    # Nothing before it: it includes what it needs.
    alone = '#include "millrace.h"\nint mr_nothing(void);\n'
    wrong = []
    tried = 0
    for compiler in compilers:
        language = 'c++' if '++' in os.path.basename(compiler) else 'c'
        for standard in STANDARDS[language]:
            tried += 1
            for source in (alone, program):
                said = compile_source(compiler, language, standard, header, source)
                if said:
                    wrong.append(said)
                    break
    print(f'{tried} compilers and standards')
    return wrong if tried > 0 else ['no compiler was named']


def check_symbols(header, library):
    wrong = []
    exported = set()
    for line in run('nm', '-D', '--defined-only', '--format=posix', library, check=True).stdout.splitlines():
        name, kind = line.split()[:2]
        if kind != 'A':  # the version itself
            exported.add(name)
    promised = {f'{name}@@MILLRACE_1' for name in header.functions}
    wrong += [f'exports {name}, which millrace.h does not declare' for name in sorted(exported - promised)]
    wrong += [f'does not export {name}' for name in sorted(promised - exported)]
    dynamic = run('readelf', '-dW', library, check=True).stdout
    version = re.search(r'^#define MR_ABI_VERSION (\d+)', header.text, flags=re.M).group(1)
    soname = re.search(r'\(SONAME\).*\[(.*)\]', dynamic)
    if not soname or soname.group(1) != f'libmillrace.so.{version}':
        wrong.append(f'is named {soname and soname.group(1)}')
    needed = re.findall(r'\(NEEDED\).*\[(.*)\]', dynamic)
    wrong += [f'needs {name}' for name in needed if not NEEDED.match(name)]
    if '(RPATH)' in dynamic or '(RUNPATH)' in dynamic:
        wrong.append('looks for libraries in folders of the machine that built it')
    print(f'{len(exported)} functions, on {", ".join(needed)}')
    return [f'{library} {line}' for line in wrong]


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    command, header, rest = sys.argv[1], Header(sys.argv[2]), sys.argv[3:]
    if command == 'golden':
        wrong = check_golden(header, read_golden(rest[0]), rest[1:])
    elif command == 'write':
        wrong = write_golden(header, *rest)
    elif command == 'compile':
        wrong = check_compile(header, rest)
    elif command == 'symbols':
        wrong = check_symbols(header, *rest)
    else:
        sys.exit(__doc__)
    for line in wrong or ():
        print(line)
    sys.exit(1 if wrong else 0)


main()
