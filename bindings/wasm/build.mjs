// Builds the package into dist: node build.mjs. The module must have been built before (./dev build wasm); where it is
// somewhere else, MILLRACE_MODULE names the directory with millrace.mjs and millrace.wasm.
//
//   dist/<host>.js      one bundle a host, minified, with the glue in it
//   dist/millrace.wasm  the module, for Node, Workers and `millrace/wasm`
//   dist/sse.js         server-sent events, which need nothing of the module
//   dist/lib            the compiled sources: the types and the bridge, which are published, and what unit tests import
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';
import { minify } from 'terser';

const here = fileURLToPath(new URL('.', import.meta.url));
const module = process.env.MILLRACE_MODULE ?? `${here}../../build/wasm/bindings/wasm`;
const dist = `${here}dist`;
const hosts = ['node', 'deno', 'bun', 'workerd', 'browser'];

if (!existsSync(`${module}/millrace.wasm`)) {
  console.error(`${module}/millrace.wasm is not built: ./dev build wasm`);
  process.exit(1);
}

await rm(dist, { recursive: true, force: true });
await mkdir(`${dist}/lib`, { recursive: true });
const wasm = await readFile(`${module}/millrace.wasm`);
await copyFile(`${module}/millrace.wasm`, `${dist}/millrace.wasm`);
// npm packs the licence that is beside package.json.
await copyFile(`${here}../../LICENSE`, `${here}LICENSE`);
await copyFile(`${module}/millrace.mjs`, `${dist}/lib/glue.mjs`);
const packed = gzipSync(wasm, { level: 9 });
await writeFile(`${dist}/lib/inline-wasm.mjs`, `export const wasmBase64 = '${packed.toString('base64')}';\n`);

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '--project', `${here}tsconfig.json`], { stdio: 'inherit' });
// A constructor that is internal is gone from the declarations, which then promise one without arguments.
for (const name of ['batch', 'client', 'consumer', 'entry', 'publisher', 'tail']) {
  const path = `${dist}/lib/${name}.d.ts`;
  const types = await readFile(path, 'utf8');
  await writeFile(path, types.replace(/^export declare class .*\{$/m, '$&\n    private constructor();'));
}
// Types that a published declaration names, but that the compiler does not copy.
await writeFile(`${dist}/wasm.d.ts`, 'declare const compiled: WebAssembly.Module;\nexport default compiled;\n');

const options = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  external: ['*.wasm', 'node:*', 'cloudflare:*', 'ws'],
  logLevel: 'warning',
};
for (const host of hosts) {
  await build({ ...options, entryPoints: [`${dist}/lib/loaders/${host}.js`], outfile: `${dist}/${host}.js` });
}
await build({ ...options, entryPoints: [`${dist}/lib/sse.js`], outfile: `${dist}/sse.js` });
// The import stays as it is written, so it must be right from where the bundle is.
const workerd = await readFile(`${dist}/workerd.js`, 'utf8');
await writeFile(`${dist}/workerd.js`, workerd.replace('"../millrace.wasm"', '"./millrace.wasm"'));

// esbuild's own minifying leaves a twelfth more: most of it in the glue, whose unused parts only terser sees.
for (const name of [...hosts, 'sse']) {
  const path = `${dist}/${name}.js`;
  // Nothing asks a function of ours or of the glue for its prototype, which arrows lack, but those that use `this`.
  // Nor is anything read for the sake of what its getter does.
  const compress = { passes: 2, ecma: 2022, unsafe_arrows: true, unsafe_methods: true, pure_getters: true };
  // Before an error that nobody caught, Node prints the line that it came from: all of the bundle, were there but one.
  const format = { max_line_len: 1500 };
  const { code } = await minify(await readFile(path, 'utf8'), { module: true, ecma: 2022, compress, mangle: true, format });
  await writeFile(path, code);
}

const sizes = await Promise.all(
  hosts.map(async (host) => {
    // What the inline module adds is counted with the module.
    const text = (await readFile(`${dist}/${host}.js`, 'utf8')).replace(packed.toString('base64'), '');
    return `${host} ${gzipSync(text, { level: 9 }).length}`;
  }),
);
console.log(`gzipped bytes: millrace.wasm ${packed.length}; ${sizes.join(', ')}`);
