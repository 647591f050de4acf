"""Reads millrace.h: its functions, structs, constants and types, as it writes them. No parser of C: what it does not
understand it does not pass over in silence, Header says so."""
import os
import re


class Header:
    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.text = open(path, encoding='utf-8').read()
        code = re.sub(r'/\*.*?\*/', ' ', self.text, flags=re.S)
        bare = re.sub(r'^\s*#(?:[^\n]*\\\n)*[^\n]*$', '', code, flags=re.M)
        self.functions = {}  # name -> prototype
        for prototype in re.findall(r'\bMR_API\b([^;{]+);', bare):
            prototype = ' '.join(prototype.split())
            self.functions[re.search(r'(\w+)\(', prototype).group(1)] = prototype
        self.structs = {}  # name -> its fields, in order
        for name, body in re.findall(r'typedef struct (\w+) \{(.*?)\} \1;', bare, flags=re.S):
            self.structs[name] = [self.field(name, part) for part in body.split(';') if part.strip()]
        self.constants = re.findall(r'^#define (MR_\w+) \d+\s*$', code, flags=re.M)
        for body in re.findall(r'\benum \{(.*?)\};', bare, flags=re.S):
            self.constants += [part.split('=')[0].strip() for part in body.split(',') if part.strip()]
        self.types = {name: of for of, name in re.findall(r'typedef (\w+) (\w+);', bare)}
        self.initial = set(re.findall(r'^#define (MR_\w+_INIT)\b', code, flags=re.M))
        self.check(bare)

    def field(self, struct, part):
        match = re.fullmatch(r'[\w\s*]+[\s*](\w+)(\[\w+\])?', part.strip())
        if not match:
            raise SystemExit(f'{self.path}: what is this field of {struct}: {part.strip()!r}?')
        return match.group(1)

    def check(self, bare):
        """That nothing was overlooked: every word mr_… or MR_… which is declared is known."""
        for keyword, found in (('MR_API', self.functions), ('typedef struct \\w+ \\{', self.structs)):
            count = len(re.findall(rf'\b{keyword}', bare))
            if count != len(found) or not found:
                raise SystemExit(f'{self.path}: {count} times {keyword}, of which {len(found)} were understood')
        for name, fields in self.structs.items():
            if fields[0] == 'size' and name.upper() + '_INIT' not in self.initial:
                raise SystemExit(f'{self.path}: {name} begins with its size and has no {name.upper()}_INIT')

    def example(self):
        """The program in the head of the header."""
        head = self.text[:self.text.index('*/')]
        return '\n'.join(line[7:] for line in head.splitlines() if line.startswith(' *     '))
