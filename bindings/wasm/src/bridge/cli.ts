#!/usr/bin/env node
// The command millrace-bridge: options in, a server that listens, signals, and the exit status. Everything else is in
// bridge.ts.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Bridge } from './bridge.js';
import { pathOf } from './door.js';
import { formatted, levels, type LogLine } from './log.js';
import { readCommandLine, usage, type Address, type CommandLine } from './options.js';
import { BadOptions } from './settings.js';
import { readTokens } from './token_lines.js';

const wrongOptions = 2;

function fail(faults: readonly string[]): never {
  for (const fault of faults) process.stderr.write(`millrace-bridge: ${fault}\n`);
  process.stderr.write('millrace-bridge --help tells more\n');
  process.exit(wrongOptions);
}

function version(): string {
  return (createRequire(import.meta.url)('millrace/package.json') as { version: string }).version;
}

/** The only part that needs a package, which those who don't run the bridge may have left out. */
async function load(): Promise<typeof import('./bridge.js')> {
  try {
    return await import('./bridge.js');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return fail(['the package ws is not installed: npm install ws']);
  }
}

function logger(line: CommandLine): (entry: LogLine) => void {
  const least = levels.indexOf(line.logLevel);
  return (entry) => {
    if (levels.indexOf(entry.level) < least) return;
    process.stderr.write(`${formatted(entry, line.logFormat, new Date())}\n`);
  };
}

function listen(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address() as AddressInfo;
      resolve(`${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`);
    });
  });
}

function notFound(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('there is nothing here\n');
}

/** The server of clients, and that of metrics where they have their own. */
function servers(line: CommandLine, bridge: Bridge): readonly [Server, Server | undefined] {
  const apart = line.metricsListen !== undefined;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const isHidden = apart && pathOf(request) === '/metrics';
    if (isHidden || !bridge.handleRequest(request, response)) notFound(response);
  };
  const server = line.tls === undefined ? createServer(answer) : createTlsServer({ ...line.tls }, answer);
  server.on('upgrade', (request, socket, head) => bridge.handleUpgrade(request, socket, head));
  if (!apart) return [server, undefined];
  const forOperators = (request: IncomingMessage, response: ServerResponse): void => {
    const isTheirs = ['/metrics', '/livez', '/readyz'].includes(pathOf(request));
    if (!isTheirs || !bridge.handleRequest(request, response)) notFound(response);
  };
  return [server, createServer(forOperators)];
}

function watchSignals(bridge: Bridge, all: readonly (Server | undefined)[], line: CommandLine): void {
  const log = logger(line);
  let isStopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log({ level: 'info', message: 'stopping', fields: { signal, connections: bridge.connections } });
    await bridge.close();
    for (const server of all) {
      server?.close();
      server?.closeAllConnections();
    }
    log({ level: 'info', message: 'stopped', fields: {} });
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));
  process.on('SIGHUP', () => {
    if (line.tokensFile === undefined) return;
    const faults: string[] = [];
    try {
      const tokens = readTokens(readFileSync(line.tokensFile, 'utf8'), faults);
      if (faults.length > 0) throw new BadOptions(faults);
      bridge.replaceTokens(tokens);
      log({ level: 'info', message: 'tokens replaced', fields: { count: tokens.length } });
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown error';
      log({ level: 'error', message: 'tokens not replaced', fields: { error: why } });
    }
  });
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words.includes('--help') || words.includes('-h')) return void process.stdout.write(usage);
  if (words.includes('--version')) return void process.stdout.write(`${version()}\n`);
  const line = readCommandLine(words, process.env);
  if (!('bridge' in line)) return fail(line);
  const log = logger(line);
  let bridge: Bridge;
  try {
    bridge = (await load()).createBridge({ ...line.bridge, log });
  } catch (error) {
    if (error instanceof BadOptions) return fail(error.faults);
    throw error;
  }
  let all: readonly [Server, Server | undefined];
  try {
    all = servers(line, bridge);
  } catch (error) {
    return fail([`--tls-cert: ${error instanceof Error ? error.message : 'can not be used'}`]);
  }
  watchSignals(bridge, all, line);
  try {
    const fields: Record<string, string> = { listen: await listen(all[0], line.listen) };
    if (all[1] !== undefined && line.metricsListen !== undefined) {
      fields['metrics'] = await listen(all[1], line.metricsListen);
    }
    log({ level: 'info', message: 'listening', fields });
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    log({ level: 'error', message: 'the port is not to be had', fields: { error: why } });
    process.exit(1);
  }
}

await main();
