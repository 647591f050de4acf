// Recorded traces through the package's own module: what a machine answered natively, and every byte that it sent, must
// come out again.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import factory from '../../dist/lib/glue.mjs';
import { instantiate } from '../../dist/lib/host/host.js';
import { callsOf, replay } from './replayer.mjs';

const folder = fileURLToPath(new URL('../../../../tests/replay/traces', import.meta.url));
const compiled = new WebAssembly.Module(readFileSync(new URL('../../dist/millrace.wasm', import.meta.url)));
const names = readdirSync(folder).filter((name) => name.endsWith('.trace'));
const callsIn = (name) => callsOf(readFileSync(join(folder, name), 'latin1'));
const again = async (calls) => replay(await instantiate(factory, Promise.resolve(compiled)), calls);

test('there are traces of every kind of source', () => {
  for (const name of ['main_job', 'one_lane', 'pubsub', 'tail']) assert.ok(names.includes(`${name}.trace`), name);
});

for (const name of names) {
  test(name, async (t) => {
    const recorded = callsIn(name);
    const replayed = await again(recorded);
    const at = recorded.findIndex(({ answer }, i) => answer.join('\n') !== replayed[i].answer.join('\n'));
    const shown = ({ line, answer }) => [line, ...answer].join('\n  ');
    if (at >= 0) assert.fail(`call ${at}, recorded:\n${shown(recorded[at])}\nreplayed:\n${shown(replayed[at])}`);
    const sent = recorded.filter(({ line }) => line.startsWith('transmit')).flatMap(({ answer }) => answer);
    t.diagnostic(`${recorded.length} calls, ${sent.join('').length} characters of what was sent, the same again`);
  });
}

test('an input that was changed is noticed', async () => {
  const recorded = callsIn('main_job.trace');
  const changed = recorded.map((call) => ({ ...call, line: call.line.replace('\\r\\nvalue 7', '\\r\\nvalue 8') }));
  assert.notDeepEqual(changed, recorded);
  assert.notDeepEqual(await again(changed), changed);
});
