// The packed package in every host for real: each case that is for it, and a table that says host by case.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { makeCertificates } from '../support/certificates.mjs';
import { installIn } from '../support/installed.mjs';
import { Matrix } from '../support/matrix.mjs';
import { freePort, startServer, until } from '../support/server.mjs';
import { cases } from './app/cases.mjs';
import { allAreExpected, hosts, versionOf } from './hosts.mjs';

const matrix = new Matrix(
  'npm-hosts',
  'The npm package, host by case',
  cases.map((each) => each.name),
);
let app;
let certificates;
let pubsub;

before(async () => {
  app = await installIn(fileURLToPath(new URL('app', import.meta.url)));
  certificates = await makeCertificates();
  pubsub = await startServer('redis-3.2').catch(() => undefined);
});
after(async () => {
  matrix.finish();
  await pubsub?.stop();
  await certificates?.remove();
  await app?.remove();
});

/** Why the case is not for the host; undefined: it is. */
function whyNot(host, name) {
  if (name.startsWith('Pub/Sub') && !pubsub) return 'redis-3.2 is not here: ./dev servers';
  return host.lacks[name];
}

/** It accepts, and never says a word. */
async function startSilent(t) {
  const sockets = new Set();
  let accepted = 0;
  const silent = createServer((socket) => {
    ++accepted;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.resume(); // what is not read hides the end
  });
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  return {
    url: `rediss://localhost:${silent.address().port}`,
    untilSilent: () => until('its connections are closed', () => accepted > 0 && sockets.size === 0),
  };
}

async function playOn(host, column, t) {
  const tlsPort = await freePort();
  const server = await startServer('redis-7.0', certificates.flags(tlsPort));
  t.after(() => server.stop());
  const { url: silentUrl, untilSilent } = await startSilent(t);
  const given = {
    expects: host.expects,
    server: { url: server.url },
    pubsub: pubsub && { url: pubsub.url },
    refused: { url: `redis://127.0.0.1:${await freePort()}` },
    tls: { url: `rediss://localhost:${tlsPort}`, tls: { ca: certificates.ca } },
    silent: { url: silentUrl },
  };
  const played = cases.filter(({ name }) => whyNot(host, name) === undefined);
  for (const each of played) await each.before?.(server.send);
  const names = played.map((each) => each.name);
  const play = await host.start(t, { app, names, given, ca: certificates.ca });
  for (const each of cases) {
    const reason = whyNot(host, each.name);
    if (reason !== undefined) {
      matrix.set(each.name, column, 'n.a.', reason);
      continue;
    }
    await t.test(each.name, async () => {
      matrix.set(each.name, column, 'FAILED');
      const { failed } = await play(each.name);
      if (failed !== undefined) assert.fail(failed);
      await each.after?.(server.send, { untilSilent });
      matrix.set(each.name, column, 'OK');
    });
  }
}

for (const host of hosts) {
  test(host.name, { timeout: 100_000 }, async (t) => {
    const version = versionOf(host);
    const column = version === undefined ? host.name : `${host.name.split(' ')[0]} ${version}`;
    matrix.addColumn(column);
    if (version === undefined) {
      const reason = `${host.program} is missing or does not run`;
      matrix.setColumn(column, 'absent', reason);
      assert.ok(!allAreExpected, reason);
      t.skip(reason);
      return;
    }
    assert.ok(column.startsWith(host.name), `${host.program} is ${column}`);
    matrix.setColumn(column, 'FAILED');
    await playOn(host, column, t);
  });
}
