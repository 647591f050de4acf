// The bundlers that authors use, each told what its documentation says for that kind of target, and nothing of millrace. All
// give back the files that are in the bundle.
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';

import nodeResolve from '@rollup/plugin-node-resolve';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import webpack from 'webpack';

/** What stays an import of the platform's. */
const isOutside = { node: isBuiltin, workerd: (name) => /^cloudflare:|\.wasm$/.test(name) };
const noneOutside = () => false;

/** Kinds of targets: `esm` keeps imports, `script` is one file without any. */
export const targets = {
  node: { conditions: ['node'], format: 'esm', webpack: 'node20', platform: 'node' },
  page: { conditions: ['browser'], format: 'esm', webpack: 'web', platform: 'browser' },
  workerd: { conditions: ['workerd', 'worker'], format: 'esm', webpack: 'webworker', platform: 'browser' },
  worker: { conditions: ['worker', 'browser'], format: 'script', webpack: 'webworker', platform: 'browser' },
  edge: { conditions: ['edge-light'], format: 'script', webpack: 'webworker', platform: 'neutral' },
};

async function withEsbuild({ entry, out, target }) {
  const { conditions, format, platform } = targets[target];
  const { metafile } = await esbuild({
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    metafile: true,
    absWorkingDir: dirname(entry),
    logLevel: 'warning',
    format: format === 'esm' ? 'esm' : 'iife',
    external: target === 'workerd' ? ['*.wasm', 'cloudflare:*'] : [],
    ...{ conditions, platform },
  });
  return Object.keys(metafile.inputs).map((path) => join(dirname(entry), path));
}

async function withRollup({ entry, out, target }) {
  const { conditions, format } = targets[target];
  const bundle = await rollup({
    input: entry,
    external: isOutside[target] ?? noneOutside,
    plugins: [nodeResolve({ exportConditions: conditions })],
  });
  // The module goes beside the bundle, wherever it was found.
  const paths = (id) => (id.endsWith('.wasm') ? './millrace.wasm' : id);
  const { output } = await bundle.write({ file: out, format: format === 'esm' ? 'es' : 'iife', paths });
  await bundle.close();
  return output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
}

async function withWebpack({ entry, out, target }) {
  const { conditions, format, webpack: kind } = targets[target];
  const isModule = format === 'esm';
  const isOther = isOutside[target] ?? noneOutside;
  const compiler = webpack({
    mode: 'production',
    context: dirname(entry),
    entry,
    target: [kind, 'es2022'],
    externals: ({ request }, done) => (isOther(request) ? done(null, request, 'module') : done()),
    resolve: { conditionNames: [...conditions, 'import', 'module', 'default'] },
    // Seconds each: once for a bundle that reads the module, and once for one that carries it.
    optimization: { minimize: target === 'node' || target === 'page' },
    experiments: { outputModule: isModule },
    output: {
      path: dirname(out),
      filename: relative(dirname(out), out),
      module: isModule,
      ...(isModule && { library: { type: 'module' } }),
    },
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, done) => compiler.close((late) => ((error ?? late) ? reject(error ?? late) : resolve(done))));
  });
  if (stats.hasErrors()) throw new Error(stats.toString('errors-only'));
  return [...stats.compilation.modules]
    .flatMap((each) => [each, ...(each.modules ?? [])])
    .flatMap((each) => each.resource ?? []);
}

/** Vite takes a folder with a page in it. */
const withVite =
  (name) =>
  async ({ folder, out }) => {
    const { build } = await import(name);
    const { output } = await build({
      root: folder,
      configFile: false,
      logLevel: 'warn',
      build: { outDir: dirname(out), emptyOutDir: true, target: 'es2022' },
    });
    return output.flatMap((chunk) => Object.keys(chunk.modules ?? {}));
  };

export const bundlers = [
  { name: 'esbuild', bundle: withEsbuild },
  { name: 'webpack', bundle: withWebpack },
  { name: 'rollup', bundle: withRollup },
  { name: 'Vite 6', bundle: withVite('vite6'), only: 'page' },
  { name: 'Vite 8', bundle: withVite('vite8'), only: 'page' },
];
