// Debian's Chromium, and pages for it.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';

import { chromium } from 'playwright-core';

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export async function launchChromium() {
  if (!existsSync(chromiumPath)) {
    throw new Error(`no ${chromiumPath}: apt-get install chromium, or say where it is in CHROMIUM`);
  }
  return chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
}

const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', wasm: 'application/wasm' };

/** Serves what `read` gives for a path, with the type that its name says; undefined: there is nothing. */
export async function servePages(read) {
  const server = createServer(async (request, response) => {
    const path = request.url === '/' ? '/index.html' : new URL(request.url, 'http://localhost').pathname;
    const content = await read(path);
    if (content === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[path.split('.').at(-1)] ?? 'text/plain' }).end(content);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
