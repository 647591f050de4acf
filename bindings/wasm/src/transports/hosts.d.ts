// As much of the hosts' own APIs as their transports use; their documentation is the source.

declare module 'cloudflare:sockets' {
  interface WorkersSocket {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
    readonly opened: Promise<unknown>;
    readonly closed: Promise<void>;
    close(): Promise<void>;
  }
  export function connect(
    address: { hostname: string; port: number },
    options: { secureTransport: 'off' | 'on' | 'starttls'; allowHalfOpen: boolean },
  ): WorkersSocket;
}

interface DenoConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  close(): void;
  setNoDelay?(wanted?: boolean): void;
  handshake?(): Promise<unknown>;
}

declare namespace Deno {
  function connect(
    to: { hostname: string; port: number } | { transport: 'unix'; path: string },
  ): Promise<DenoConnection>;
  function startTls(
    connection: DenoConnection,
    options: { hostname: string; caCerts?: string[]; unsafelyDisableHostnameVerification?: boolean },
  ): Promise<DenoConnection>;
  function connectTls(options: {
    hostname: string;
    port: number;
    caCerts?: string[];
    cert?: string;
    key?: string;
  }): Promise<DenoConnection>;
  function readTextFile(path: string): Promise<string>;
}

interface BunSocket {
  /** How many bytes the system took; -1 once it is closed. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  terminate(): void;
  setNoDelay(wanted: boolean): void;
}

declare namespace Bun {
  interface Handlers {
    open(socket: BunSocket): void;
    handshake?(socket: BunSocket, success: boolean, error: Error | null): void;
    data(socket: BunSocket, bytes: Uint8Array): void;
    drain(socket: BunSocket): void;
    close(socket: BunSocket, error?: Error): void;
    error(socket: BunSocket, error: Error): void;
    connectError(socket: BunSocket, error: Error): void;
  }
  function connect(
    options: ({ hostname: string; port: number } | { unix: string }) & {
      socket: Handlers;
      tls?: { serverName: string; rejectUnauthorized: boolean; ca?: string; cert?: string; key?: string };
    },
  ): Promise<BunSocket>;
  function file(path: string): { text(): Promise<string> };
}
