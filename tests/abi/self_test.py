#!/usr/bin/env python3
"""Breaks the ABI in a small header of its own, and expects abi.py to tell.

usage: self_test.py CC CXX
"""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CC, CXX = sys.argv[1:3] if len(sys.argv) == 3 else ('cc', 'c++')

HEADER = '''/* A head.
 *
 *     if (mr_client_next(1) != MR_OK) return 1;
 */
#ifndef MILLRACE_H
#define MILLRACE_H
#include <stddef.h>
#include <stdint.h>
#define MR_API __attribute__((visibility("default")))
#ifdef __cplusplus
extern "C" {
#endif
#define MR_ABI_VERSION 1
typedef int32_t mr_status;
enum { MR_OK = 0, MR_BAD = 1 };
typedef struct mr_entry { const char *data; uint64_t count; } mr_entry;
typedef struct mr_error {
    size_t size;
    mr_status status;
    int32_t retryable;
} mr_error;
#define MR_ERROR_INIT { sizeof(mr_error), MR_OK, 0 }
MR_API mr_status mr_client_next(int32_t a);
MR_API void mr_other(mr_error *error);
#ifdef __cplusplus
}
#endif
#endif
'''
SOURCE = '#include "millrace.h"\nmr_status mr_client_next(int32_t a) { return a; }\nvoid mr_other(mr_error *e) { (void)e; }\n'
MAP = 'MILLRACE_1 { global: mr_*; local: *; };\n'


class Abi(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.write('millrace.h', HEADER)
        self.assertEqual(self.abi('write', 'golden.txt', CC)[0], 0)

    def tearDown(self):
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def abi(self, command, *rest):
        done = subprocess.run([sys.executable, os.path.join(HERE, 'abi.py'), command, 'millrace.h', *rest],
                              cwd=self.folder.name, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def build(self, source, soname='libmillrace.so.1', version_script=MAP):
        self.write('a.c', source)
        self.write('a.map', version_script)
        subprocess.run([CC, '-shared', '-fPIC', '-o', 'a.so', 'a.c', f'-Wl,-soname,{soname}',
                        '-Wl,--version-script=a.map'], cwd=self.folder.name, check=True)
        return self.abi('symbols', 'a.so')

    def test_a_header_as_promised_passes(self):
        for command, *rest in (('golden', 'golden.txt', CC, CXX), ('compile', CC, CXX)):
            code, output = self.abi(command, *rest)
            self.assertEqual(code, 0, output)
        code, output = self.build(SOURCE)
        self.assertEqual(code, 0, output)

    def test_changes(self):
        for before, after, fault in (
                ('int32_t a)', 'int64_t a)', 'mr_client_next'),
                ('MR_BAD = 1', 'MR_BAD = 2', 'the value of MR_BAD'),
                ('int32_t mr_status', 'uint32_t mr_status', 'mr_status'),
                ('uint64_t count', 'uint32_t count; uint32_t more', 'golden.txt lacks field mr_entry.more'),
                ('uint64_t count', 'uint32_t count', 'the size of mr_entry.count'),
                ('    mr_status status;\n    int32_t retryable;', '    int32_t retryable;\n    mr_status status;',
                 'the place of mr_error.status'),
                ('MR_API void mr_other(mr_error *error);\n', '', 'millrace.h lacks function mr_other'),
                ('MR_API void mr_other', 'MR_API void mr_third(void);\nMR_API void mr_other',
                 'golden.txt lacks function mr_third'),
        ):
            with self.subTest(after=after):
                self.assertIn(before, HEADER)
                self.write('millrace.h', HEADER.replace(before, after))
                code, output = self.abi('golden', 'golden.txt', CC, CXX)
                self.assertEqual(code, 1, output)
                self.assertIn(fault, output)

    def test_holes(self):
        self.write('millrace.h', HEADER.replace('uint64_t count', 'uint32_t count'))
        self.abi('write', 'golden.txt', CC)
        code, output = self.abi('golden', 'golden.txt', CC, CXX)
        self.assertEqual(code, 1, output)
        self.assertIn('mr_entry has 16 bytes, its fields end at 12', output)

    def test_what_does_not_compile(self):
        for before, after, fault in (
                ('#include <stdint.h>\n', '', 'int32_t'),
                ('#define MILLRACE_H\n', '', 'redefinition'),
                ('{ sizeof(mr_error), MR_OK, 0 }', '{ sizeof(mr_error), MR_OK }', 'retryable'),
                ('mr_client_next(1)', 'mr_client_next(1, 2)', 'mr_client_next'),
                ('MR_API void mr_other(mr_error *error)', 'MR_API void mr_other(mr_error *new)', 'std=c++11'),
                ('#define MR_ERROR_INIT', '#define MR_ERROR_FIRST', 'has no MR_ERROR_INIT'),
        ):
            with self.subTest(after=after):
                self.assertIn(before, HEADER)
                self.write('millrace.h', HEADER.replace(before, after))
                code, output = self.abi('compile', CC, CXX)
                self.assertEqual(code, 1, output)
                self.assertIn(fault, output)

    def test_exports(self):
        for source, options, fault in (
                (SOURCE + 'void mr_more(void) {}\n', {}, 'exports mr_more@@MILLRACE_1, which'),
                (SOURCE.replace('void mr_other', 'static void mr_unseen'), {}, 'does not export mr_other'),
                (SOURCE + 'void open_to_all(void) {}\n', {'version_script': 'MILLRACE_1 { global: *; };'},
                 'exports open_to_all'),
                (SOURCE, {'soname': 'libmillrace.so'}, 'is named libmillrace.so'),
                (SOURCE, {'version_script': 'OTHER_1 { global: mr_*; local: *; };'}, 'exports mr_other@@OTHER_1'),
        ):
            with self.subTest(fault=fault):
                code, output = self.build(source, **options)
                self.assertEqual(code, 1, output)
                self.assertIn(fault, output)


unittest.main(argv=sys.argv[:1])
