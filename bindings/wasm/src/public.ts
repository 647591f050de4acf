// What every entry point of the package exports besides `connect`.
import { Batch } from './batch.js';
import { Client } from './client.js';
import { Consumer } from './consumer.js';
import { Entry } from './entry.js';
import { MillraceError } from './errors.js';
import { Publisher } from './publisher.js';
import { Source } from './source.js';
import { Tail } from './tail.js';

// Minified they have other names, by which a console would show them.
for (const [name, value] of Object.entries({ Batch, Client, Consumer, Entry, MillraceError, Publisher, Source, Tail })) {
  Object.defineProperty(value, 'name', { value: name });
}

export { Batch, Client, Consumer, Entry, MillraceError, Publisher, Source, Tail };
export type { BatchReason, Which } from './batch.js';
export type { ClientHealth, DeadLetter, GroupStart, MetricNames, RedriveResult } from './client.js';
export type { Connect, ConnectOptions } from './connect.js';
export type { ErrorCode, ErrorInfo, ErrorKind } from './errors.js';
export type {
  ClientEventName,
  ClientEvents,
  Cursor,
  Delivery,
  EventListener,
  Guarantee,
  LaneRole,
  Text,
} from './events.js';
export type { Health } from './health.js';
export type { PublishResult } from './host/records.js';
export type { DisconnectReason } from './module.js';
export type * from './options.js';
export type { PublishFields, PublishValue, PublishWait } from './publisher.js';
export type { RunContext, RunOptions, RunResult } from './run.js';
export { TransportError } from './transports/transport.js';
export type { Socket, Target, TlsSettings, Transport } from './transports/transport.js';
export { webSocketTransport } from './transports/websocket.js';
export type { WebSocketOptions } from './transports/websocket.js';
export type { WaitOptions } from './wait.js';
