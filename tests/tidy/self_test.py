#!/usr/bin/env python3
"""Breaks each rule of tidy in a small tree of its own, and expects to be told.

usage: self_test.py C_COMPILER AR
"""
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
COMPILER, AR = sys.argv[1:3] if len(sys.argv) == 3 else ('cc', 'ar')


def write(root, name, text):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


class Tidy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        for i in range(20):  # the scripts refuse a tree that is nearly empty: a wrong path must not pass
            write(self.root, f'core/src/base/part{i}.hpp', '#pragma once\n')

    def tearDown(self):
        self.folder.cleanup()

    def run_script(self, script, *arguments):
        done = subprocess.run([sys.executable, os.path.join(HERE, script), *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def expect_fault(self, script, fault):
        code, output = self.run_script(script, self.root)
        self.assertEqual(code, 1, output)
        self.assertIn(fault, output)

    def test_a_clean_tree_passes(self):
        for script in ('includes.py', 'text.py'):
            code, output = self.run_script(script, self.root)
            self.assertEqual(code, 0, output)

    def test_an_empty_tree_does_not(self):
        with tempfile.TemporaryDirectory() as empty:
            for script in ('includes.py', 'text.py'):
                self.assertEqual(self.run_script(script, empty)[0], 1)

    def test_lines(self):
        write(self.root, 'docs/delivery.md', ''.join(f'**REC-{n}** It holds.  \n' for n in range(1, 21)))
        write(self.root, 'core/src/a.cpp', f'// REC-{20}, and SHA-256, which is none of ours\n')
        code, output = self.run_script('lines.py', self.root)
        self.assertEqual(code, 0, output)
        write(self.root, 'core/src/a.cpp', f'// REC-{21}\n')
        self.expect_fault('lines.py', f'core/src/a.cpp:1: REC-{21} is no line of docs/delivery.md')

    def test_includes(self):
        write(self.root, 'bindings/native/include/millrace/client.hpp', '')
        write(self.root, 'bindings/native/src/loop.hpp', '')
        write(self.root, 'harness/src/world.hpp', '')
        for file, header, fault in (
                ('core/src/a.cpp', '"millrace/client.hpp"', 'bindings/native/include, which core must not see'),
                ('core/src/a.cpp', '"world.hpp"', 'harness/src, which core must not see'),
                ('bindings/native/src/a.cpp', '"base/part1.hpp"', 'core/src, which bindings/native must not see'),
                ('bindings/native/src/a.cpp', '"../../../core/src/base/part1.hpp"', 'by a path out of its folder'),
                ('bindings/native/src/a.cpp', '"world.hpp"', 'harness/src, which bindings/native must not see'),
                ('harness/src/a.cpp', '"loop.hpp"', 'bindings/native/src, which harness must not see'),
                ('core/src/base/a.cpp', '"read.h"', 'of hiredis'),
                ('core/src/resp/a.hpp', '<nlohmann/json.hpp>', 'core/src/event alone'),
                ('core/src/a.cpp', '<chrono>', 'no place in the core'),
                ('core/src/a.cpp', '<sys/socket.h>', 'no place in the core'),
        ):
            with self.subTest(file=file, header=header):
                write(self.root, file, f'#include {header}\n')
                self.expect_fault('includes.py', fault)
                os.remove(os.path.join(self.root, file))
        for file, header in (('core/src/resp/a.cpp', '"read.h"'), ('core/src/event/a.cpp', '<nlohmann/json.hpp>'),
                             ('harness/src/a.cpp', '"millrace/client.hpp"'), ('core/src/a.cpp', '"base/part1.hpp"'),
                             ('core/src/a.cpp', '<sys/types.h>'), ('harness/src/a.cpp', '<chrono>')):
            write(self.root, file, f'#include {header}\n')
        code, output = self.run_script('includes.py', self.root)
        self.assertEqual(code, 0, output)

    def test_text(self):
        for text, fault in (('\tint a;\n', ':1: a tab'), ('int a; \n', ':1: a space at the end'),
                            ('\n// TO' + 'DO: more\n', ':2: a note'), ('using namespace ' + 'std;\n', ':1: all of std'),
                            ('int a;\n' * 401, ':401: more than 400 lines')):
            with self.subTest(fault=fault):
                write(self.root, 'core/src/a.cpp', text)
                self.expect_fault('text.py', 'core/src/a.cpp' + fault)
        write(self.root, 'core/src/a.cpp', '// This file is long because it is a table.\n' + 'int a;\n' * 401)
        code, output = self.run_script('text.py', self.root)
        self.assertEqual(code, 0, output)

    def test_symbols(self):
        write(self.root, 'allowed.txt', '# comment\nmemcpy   copies\nstrl*  texts\n')
        write(self.root, 'hiredis.txt', '# comment\nredisReaderGetReply\nsdsnew\n')
        names = [os.path.join(self.root, name) for name in ('core.a', 'allowed.txt', 'hiredis.txt')]
        base = 'void mrh_redisReaderGetReply(void) {}\n' + ''.join(f'void _Z{i}(void) {{}}\n' for i in range(50))
        for source, fault in (
                ('', None),
                ('unsigned long strlen(const char*); unsigned long (*_Za)(const char*) = strlen;', None),
                ('int socket(int, int, int); int (*_Za)(int, int, int) = socket;', 'needs socket'),
                ('long time(long*); long (*_Za)(long*) = time;', 'needs time'),
                ('void sdsnew(void) {}', 'exports sdsnew'),
                ('void mrh_sdsold(void) {}', 'exports mrh_sdsold'),
        ):
            with self.subTest(source=source):
                write(self.root, 'a.c', base + source + '\n')
                subprocess.run([COMPILER, '-w', '-c', '-o', 'a.o', 'a.c'], cwd=self.root, check=True)
                if os.path.exists(names[0]):
                    os.remove(names[0])
                subprocess.run([AR, 'rcs', 'core.a', 'a.o'], cwd=self.root, check=True, capture_output=True)
                code, output = self.run_script('symbols.py', *names)
                self.assertEqual(code, 1 if fault else 0, output)
                self.assertIn(fault or '0 wrong', output)
        write(self.root, 'allowed.txt', 'memcpy\n')
        code, output = self.run_script('symbols.py', *names)
        self.assertEqual(code, 1)
        self.assertIn('no reason is given', output)


unittest.main(argv=sys.argv[:1])
