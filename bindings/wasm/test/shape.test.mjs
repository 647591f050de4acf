// What is shipped, looked at from outside: what the module asks of its host, how large it is, and that its glue makes
// no code at run time, which edge runtimes forbid.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { gluePath, importNames, wasmPath } from './support/module_host.mjs';

const wasm = readFileSync(wasmPath);
const glue = readFileSync(gluePath, 'utf8');

/** Everything that the module may ask of JavaScript: no clock, randomness, file, socket or output. */
const allowedImports = new Set([
  // what Embind tells of the functions and types of the control plane
  'embind_register_bigint',
  'embind_register_bool',
  'embind_register_emval',
  'embind_register_float',
  'embind_register_function',
  'embind_register_integer',
  'embind_register_memory_view',
  'embind_register_std_string',
  'embind_register_std_wstring',
  'embind_register_void',
  'abort', // a programming error, and memory that is refused where no error can tell of it
  'abort_js', // its name in newer glue
  'emscripten_resize_heap', // memory grows
  'setTempRet0', // halves of 64-bit results, for JavaScript; nobody reads them
]);

/** Bytes after gzip -9: what it has now and a little. The aim is 80,000; nine tenths are the core's own logic. */
const sizeMax = glue.includes('asmLibraryArg') ? 142_000 : 152_000; // newer compilers than the shipped one add 6 %
const glueSizeMax = 10_000;
/** What a host loads beside the module: its bundle, with the glue in it. */
const hostSizeMax = glue.includes('asmLibraryArg') ? 20_000 : 21_000;

test('the module asks its host for nothing but what is listed', () => {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(wasm));
  const names = importNames();
  assert.ok(imports.length > 0);
  for (const { name, kind } of imports) {
    assert.equal(kind, 'function', name);
    assert.ok(allowedImports.has(names.get(name)), `${names.get(name)} is not in the list of imports`);
  }
});

test('the module and its glue stay within their sizes', (t) => {
  const [size, glueSize] = [wasm, glue].map((file) => gzipSync(file, { level: 9 }).length);
  t.diagnostic(`millrace.wasm: ${wasm.length} bytes, ${size} after gzip; glue: ${glue.length}, ${glueSize} after gzip`);
  assert.ok(size <= sizeMax, `millrace.wasm has ${size} bytes after gzip; at most ${sizeMax}`);
  assert.ok(glueSize <= glueSizeMax, `millrace.mjs has ${glueSize} bytes after gzip; at most ${glueSizeMax}`);
});

for (const host of ['node', 'deno', 'bun', 'workerd', 'browser']) {
  test(`what ${host} loads beside the module stays within its size`, () => {
    const text = readFileSync(new URL(`../dist/${host}.js`, import.meta.url), 'utf8');
    // Where a module is inline it is one string, and has been counted.
    const size = gzipSync(text.replace(/[A-Za-z0-9+/=]{10000,}/, ''), { level: 9 }).length;
    assert.ok(size <= hostSizeMax, `${host}.js has ${size} bytes after gzip; at most ${hostSizeMax}`);
    assert.ok(size > 10_000, `${host}.js has only ${size} bytes without its module`);
  });
}

test('the glue makes no code at run time and does not ask where it is', () => {
  for (const forbidden of [/import\.meta/, /\beval\s*\(/, /\bnew\s+Function\b/, /\bFunction\s*\(["'`]/]) {
    assert.doesNotMatch(glue, forbidden);
  }
});
