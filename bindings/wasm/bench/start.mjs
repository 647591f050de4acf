// How long a client takes to start: npm run bench:start [-- --rounds=20]. From before the import of the package to a
// created consumer, with nothing connected, each in a process of its own; by turns with a script that does nothing, since
// what a process takes to come up is not ours. The figures are medians, in milliseconds.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Milliseconds since its process began, at each step. */
function run(script) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [path], { encoding: 'utf8' }));
}

function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });
const empty = [];
const ours = [];
for (let round = 0; round < Number(values.rounds); ++round) {
  empty.push(run('start_empty.mjs')[0]);
  ours.push(run('start_client.mjs'));
}
const idle = median(empty);
const step = (from, to) => median(ours.map((times) => times[to] - times[from])).toFixed(1);
console.log(`from the import to a consumer  ${step(0, 3)} ms: import ${step(0, 1)}, connect ${step(1, 2)}, consumer ${step(2, 3)}`);
console.log(`above an empty script's ${idle.toFixed(1)}  ${(median(ours.map((times) => times[3])) - idle).toFixed(1)} ms`);
