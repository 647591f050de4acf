// How a client comes about, for every kind of host.
import { Client } from './client.js';
import { documentOf } from './document.js';
import { MillraceError } from './errors.js';
import type { Host } from './host/host.js';
import { instantiate } from './host/host.js';
import type { ModuleFactory } from './host/factory.js';
import type { ClientKeys, PublishOptions, SourceOptions } from './options.js';
import type { Transport } from './transports/transport.js';

/** What a client is, and what its sources and publishers are where they don't say otherwise. */
export interface ConnectOptions extends ClientKeys, SourceOptions, PublishOptions {
  /**
   * `redis://[user[:password]@]host[:port][/database][?key=value&…]`, `rediss://…`, `unix:///path`, or `host:port`; the
   * options count where both say something.
   */
  readonly url?: string | URL | undefined;
  /** The port, where it is not said with `host`. Default: 6379. Allowed: 1 to 65535. */
  readonly port?: number | undefined;
  /** The compiled `millrace/wasm` (a WebAssembly.Module), or its bytes (a BufferSource), where the package can't bring it:
   * in place of its own. */
  readonly wasm?: object | undefined;
  /** Connections of another kind than the host's, such as `webSocketTransport`. */
  readonly transport?: Transport | undefined;
}

/** Makes clients.
 *
 * `connect(url)`, `connect(options)` or `connect(url, options)` resolves before anything is connected: the first
 * consumer, tail or publish does that. Rejects with a MillraceError `bad_config`, which names the key, the value and
 * what is allowed.
 */
export type Connect = (target?: string | URL | ConnectOptions, options?: ConnectOptions) => Promise<Client>;

/** @internal */
export function connectWith(host: Host, factory: ModuleFactory): Connect {
  let compiled: Promise<WebAssembly.Module> | undefined;
  const load = async (): Promise<WebAssembly.Module> => {
    try {
      return await host.load();
    } catch (error) {
      compiled = undefined; // what failed once, as for want of file descriptors, may go well the next time
      throw error;
    }
  };
  const own = (): Promise<WebAssembly.Module> => (compiled ??= load());
  return async (target = {}, options = {}) => {
    const isUrl = typeof target === 'string' || target instanceof URL;
    const given = isUrl ? { ...options, url: target } : { ...target, ...options };
    const { url = '', wasm, transport, port, ...keys } = given;
    if (typeof url !== 'string' && !(url instanceof URL)) {
      throw new MillraceError('bad_config', `url: ${typeof url} is no text and no URL`);
    }
    const isApart = port !== undefined && port !== null;
    const document = documentOf(isApart ? { ...keys, host: hostWithPort(keys.host, port, url !== '') } : keys);
    const module = await instantiate(factory, wasm === undefined ? own() : compile(wasm));
    const parts = { module, host, url: String(url), document };
    return new Client({ ...parts, transport: transport ?? host.transport });
  };
}

/** The core has one key for both. */
function hostWithPort(host: unknown, port: number, hasUrl: boolean): string {
  // What is neither a name nor in brackets, and has more than one colon, is IPv6.
  const [, name, own = port] = /^(\[.*]|[^:]*)(?::([^:]*))?$/.exec(String(host ?? '')) ?? ['', `[${String(host)}]`];
  // The host is not shown: a URL with a password may have been given for one.
  const isAnother = String(own) !== String(port) || (hasUrl && !host);
  if (isAnother || !(port > 0 && port < 65536 && port % 1 === 0)) {
    const why = isAnother ? 'given beside that of host or URL; allowed: one' : 'not allowed; allowed: 1 to 65535';
    throw new MillraceError('bad_config', `port: ${port} is ${why}`);
  }
  return `${name}:${port}`;
}

async function compile(wasm: object): Promise<WebAssembly.Module> {
  if (wasm instanceof WebAssembly.Module) return wasm;
  try {
    return await WebAssembly.compile(wasm as BufferSource);
  } catch (error) {
    throw new MillraceError('bad_config', `wasm: ${error instanceof Error ? error.message : String(error)}`);
  }
}
