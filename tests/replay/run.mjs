// Replays traces in WebAssembly and compares byte for byte: node run.mjs MODULE TRACE…, where MODULE.mjs and MODULE.wasm are the build's.
// The module is compiled here and handed over, as every host of the npm package does it.
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const [module, ...traces] = process.argv.slice(2);
if (!module || traces.length === 0) {
  console.error('usage: node run.mjs MODULE TRACE...');
  process.exit(2);
}
if (!existsSync(`${module}.wasm`)) {
  console.log(`${module}.wasm is not built: ./dev build wasm`);
  process.exit(77);
}

const bytes = readFileSync(`${module}.wasm`);
const compiled = new WebAssembly.Module(bytes);
const { default: create } = await import(pathToFileURL(`${module}.mjs`));
const instance = await create({
  instantiateWasm(imports, receive) {
    const made = new WebAssembly.Instance(compiled, imports);
    receive(made, compiled);
    return made.exports;
  },
});

function replay(trace) {
  const at = instance._malloc(trace.length);
  instance.HEAPU8.set(trace, at);
  const replayed = instance._millrace_replay(at, trace.length) === 1;
  instance._free(at);
  const start = instance._millrace_replay_data();
  // A copy: memory may have grown, and the next call overwrites it.
  const answer = Buffer.from(instance.HEAPU8.slice(start, start + instance._millrace_replay_size()));
  if (!replayed) throw new Error(answer.toString());
  return answer;
}

function firstDifference(recorded, replayed) {
  const [left, right] = [recorded, replayed].map((bytes) => bytes.toString('latin1').split('\n'));
  const line = left.findIndex((text, i) => text !== right[i]);
  return `line ${line + 1}\n  recorded: ${left[line]}\n  replayed: ${right[line]}`;
}

for (const path of traces) {
  const recorded = readFileSync(path);
  const replayed = replay(recorded);
  if (!recorded.equals(replayed)) {
    console.error(`${path}: ${firstDifference(recorded, replayed)}`);
    process.exit(1);
  }
  console.log(`${path}: ${recorded.length} bytes, the same again`);
}
console.log(`module: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped`);
