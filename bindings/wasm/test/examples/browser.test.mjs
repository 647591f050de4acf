// The page of the example in a real Chromium: live entries, a bridge that restarts, and refusals in words.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'millrace';
import { freePort, startBridge, startRedis } from '../bridge/fixture.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { examples, Program } from './process.mjs';

const token = 'a-token-for-the-page';
let redis;
let client;
let browser;
before(async () => {
  redis = await startRedis();
  client = await connect(redis.url);
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await client?.close({ timeoutMs: 1000 });
  await redis?.stop();
});

async function withPage(body, environment = {}) {
  const port = await freePort();
  const words = { REDIS_URL: redis.url, PORT: String(port), BRIDGE_TOKEN: token, ...environment };
  const start = () => new Program(process.execPath, [join(examples, 'browser/serve.mjs')], words);
  let server = start();
  const page = await browser.newPage();
  const restart = async () => {
    assert.equal(await server.stop(), 0, server.output);
    server = start();
    await server.prints(/#token/);
  };
  try {
    const [, address] = await server.prints(/(http\S+)#token/);
    await body({ page, address, restart });
  } finally {
    await page.close();
    await server.stop();
  }
}

const says = (page, what) => page.waitForFunction((text) => document.querySelector('#state').textContent.includes(text), what);

/** Milliseconds from before the XADD until the entry is in the page, seen by the page itself. */
async function latency(page, item) {
  const seen = page.evaluate(
    (wanted) =>
      new Promise((resolve) => {
        const list = document.querySelector('#entries');
        const look = () => list.firstElementChild?.textContent.includes(wanted) && resolve(Date.now());
        new MutationObserver(look).observe(list, { childList: true });
      }),
    item,
  );
  await page.evaluate(() => 0); // answered behind the one above: now it looks
  const start = Date.now();
  await client.publish('orders', { item });
  return (await seen) - start;
}

test('entries are live within 100 ms, and the page outlives a restart of the bridge', { timeout: 60_000 }, (t) =>
  withPage(async ({ page, address, restart }) => {
    await client.publish('orders', { item: 'from before' });
    await page.goto(`${address}#token=${token}&stream=orders`);
    await says(page, 'live');
    await page.waitForFunction(() => document.querySelector('#entries').textContent.includes('from before'));
    const took = [];
    for (let i = 0; i < 20; ++i) took.push(await latency(page, `live ${i};`));
    took.sort((a, b) => a - b);
    assert.ok(took[10] <= 100, `from XADD to the page: ${took.join(' ')} ms`);
    t.diagnostic(`from XADD to the page: median ${took[10]} ms, worst ${took[19]} ms`);
    await restart();
    await client.publish('orders', { item: 'after the restart' });
    await page.waitForFunction(() => document.querySelector('#entries').textContent.includes('after the restart'));
    await says(page, 'live');
    const lines = await page.locator('#entries li').allTextContents();
    assert.equal(new Set(lines).size, 22);
    assert.equal(lines.length, 22, 'nothing twice');
  }),
);

test('a wrong token is refused in words', { timeout: 60_000 }, () =>
  withPage(async ({ page, address }) => {
    await page.goto(`${address}#token=wrong-token-for-the-page&stream=orders`);
    await says(page, 'refused (401): this token is not known here');
  }),
);

test('a page of another Origin is refused in words', { timeout: 60_000 }, async () => {
  const bridge = await startBridge({ upstream: redis.url, origins: ['https://app.example'], tokens: [{ name: 'page', token }] });
  try {
    await withPage(async ({ page, address }) => {
      await page.goto(`${address}#token=${token}&stream=orders&bridge=${encodeURIComponent(bridge.url)}`);
      await says(page, 'refused (403): pages of this Origin may not use the bridge');
    });
  } finally {
    await bridge.stop();
  }
});
