// Bundles the agent with the package that was built in bindings/wasm: node build.mjs DIRECTORY, which gets
// millrace-agent.mjs and the module beside it.
import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const packed = at('../../../bindings/wasm/');
const directory = process.argv[2];
if (!directory) {
  console.error('usage: node build.mjs DIRECTORY');
  process.exit(2);
}
const { build } = createRequire(`${packed}package.json`)('esbuild');
await build({
  entryPoints: [at('agent.mjs')],
  outfile: `${directory}/millrace-agent.mjs`,
  alias: { millrace: `${packed}dist/node.js` },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});
await copyFile(`${packed}dist/millrace.wasm`, `${directory}/millrace.wasm`);
