// The page, and a bridge beside it on the same port. node serve.mjs, then open the address that it prints.
//   REDIS_URL     redis://127.0.0.1:6379
//   BRIDGE_TOKEN  what the page must say; at least 16 characters
//   PORT          8080
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createBridge, formatted } from 'millrace/bridge';

const { REDIS_URL = 'redis://127.0.0.1:6379', BRIDGE_TOKEN = 'a-token-for-trying-out', PORT = '8080' } = process.env;
const browser = fileURLToPath(new URL('dist/browser.js', import.meta.resolve('millrace/package.json')));
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const files = {
  '/': [here('index.html'), 'text/html; charset=utf-8'],
  '/watch.js': [here('watch.js'), 'text/javascript'],
  '/millrace.js': [browser, 'text/javascript'],
};

const server = createServer(async (request, response) => {
  if (bridge.handleRequest(request, response)) return;
  const [path, type] = files[request.url] ?? [];
  if (path === undefined) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-type': type }).end(await readFile(path));
});
await new Promise((resolve) => server.listen(Number(PORT), '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const bridge = createBridge({
  upstream: REDIS_URL,
  path: '/redis',
  keys: ['orders'],
  allow: ['tail'],
  tokens: [{ name: 'page', token: BRIDGE_TOKEN }],
  origins: [origin],
  log: (line) => console.error(formatted(line, 'logfmt', new Date())),
});
server.on('upgrade', (request, socket, head) => bridge.handleUpgrade(request, socket, head));
console.log(`${origin}/#token=${BRIDGE_TOKEN}`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await bridge.close();
    server.closeAllConnections();
    server.close();
  });
}
