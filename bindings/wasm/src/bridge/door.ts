// Who may come in: path, Origin, token, and how many there are already. The answer to whoever may not is a status of
// HTTP and one sentence. Tokens are kept as hashes, and compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Role } from './commands.js';
import { KeyPrefixes } from './keys.js';
import type { Settings, TokenOptions } from './settings.js';

export const protocolName = 'millrace.v1';
const tokenProtocol = 'millrace.token.';
const sessionProtocol = 'millrace.session.';

export type Refusal = 'path' | 'protocol' | 'origin' | 'token' | 'limit' | 'stopping';

/** What a token is for. */
export interface Pass {
  readonly name: string;
  readonly roles: ReadonlySet<Role>;
  readonly keys: KeyPrefixes;
}

export type Answer =
  | {
      readonly pass: Pass;
      readonly address: string;
      /** What connections of one client have in common: the token, and what it calls its session, or its address. */
      readonly client: string;
    }
  | { readonly status: number; readonly reason: Refusal; readonly words: string };

/** Who is in already. */
export interface Counts {
  readonly all: number;
  ofToken(name: string): number;
  ofAddress(address: string): number;
}

interface KnownToken {
  readonly hash: Buffer;
  readonly pass: Pass;
}

export class Door {
  private tokens: readonly KnownToken[];

  constructor(private readonly settings: Settings) {
    this.tokens = this.known(settings.tokens);
  }

  /** From now on these tokens are the ones; who is in stays in. */
  replaceTokens(tokens: readonly TokenOptions[]): void {
    this.tokens = this.known(tokens);
  }

  /** The same for a WebSocket and for one who asks by GET whether one would be let in. */
  admit(request: IncomingMessage, counts: Counts, isStopping: boolean): Answer {
    const refuse = (status: number, reason: Refusal, words: string): Answer => ({ status, reason, words });
    if (!this.isOurPath(request)) return refuse(404, 'path', `the bridge is at ${this.settings.path}`);
    if (isStopping) return refuse(503, 'stopping', 'the bridge shuts down; come again in a moment');
    const offered = protocolsOf(request);
    if (offered.length > 0 && !offered.includes(protocolName)) {
      return refuse(400, 'protocol', `of the subprotocols offered none is ${protocolName}`);
    }
    const { origin } = request.headers;
    const { origins } = this.settings;
    if (origin !== undefined && !origins.has('*') && !origins.has(origin.toLowerCase())) {
      return refuse(403, 'origin', 'pages of this Origin may not use the bridge');
    }
    const pass = this.passOf(request, offered);
    if (typeof pass === 'string') return refuse(401, 'token', pass);
    const address = request.socket.remoteAddress ?? '';
    const { connections, connectionsPerToken, connectionsPerAddress } = this.settings;
    if (counts.all >= connections) return refuse(503, 'limit', 'the bridge has no room for another connection');
    if (connectionsPerToken > 0 && counts.ofToken(pass.name) >= connectionsPerToken) {
      return refuse(429, 'limit', `this token has its ${connectionsPerToken} connections already`);
    }
    if (connectionsPerAddress > 0 && counts.ofAddress(address) >= connectionsPerAddress) {
      return refuse(429, 'limit', `your address has its ${connectionsPerAddress} connections already`);
    }
    const session = offered.find((name) => name.startsWith(sessionProtocol));
    return { pass, address, client: JSON.stringify([pass.name, session ?? address]) };
  }

  isOurPath(request: IncomingMessage): boolean {
    return pathOf(request) === this.settings.path;
  }

  private passOf(request: IncomingMessage, offered: readonly string[]): Pass | string {
    const { settings } = this;
    if (settings.open) {
      return { name: 'open', roles: new Set(settings.allow), keys: new KeyPrefixes(settings.keys) };
    }
    const token = tokenOf(request, offered);
    if (token === undefined) return 'a token is wanted, as a subprotocol or in the header Authorization: Bearer';
    const hash = hashOf(token);
    let found: Pass | undefined;
    for (const known of this.tokens) {
      if (timingSafeEqual(known.hash, hash)) found = known.pass;
    }
    return found ?? 'this token is not known here';
  }

  private known(tokens: readonly TokenOptions[]): readonly KnownToken[] {
    return tokens.map(({ name, token, allow, keys }) => ({
      hash: hashOf(token),
      pass: {
        name,
        roles: new Set(allow ?? this.settings.allow),
        keys: new KeyPrefixes(keys ?? this.settings.keys),
      },
    }));
  }
}

export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

function protocolsOf(request: IncomingMessage): readonly string[] {
  const header = request.headers['sec-websocket-protocol'] ?? '';
  return header
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function tokenOf(request: IncomingMessage, offered: readonly string[]): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const text = offered.find((name) => name.startsWith(tokenProtocol));
  return text === undefined ? undefined : Buffer.from(text.slice(tokenProtocol.length), 'base64url').toString('utf8');
}
