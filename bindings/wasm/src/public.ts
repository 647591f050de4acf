// What every entry point of the package exports besides `connect`.
export { Batch } from './batch.js';
export type { BatchReason, Which } from './batch.js';
export { Client } from './client.js';
export type { ClientHealth, DeadLetter, GroupStart, MetricNames, RedriveResult } from './client.js';
export type { Connect, ConnectOptions } from './connect.js';
export { Consumer } from './consumer.js';
export { Entry } from './entry.js';
export { MillraceError } from './errors.js';
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
export { Publisher } from './publisher.js';
export type { PublishFields, PublishValue, PublishWait } from './publisher.js';
export type { RunContext, RunOptions, RunResult } from './run.js';
export { Source } from './source.js';
export { Tail } from './tail.js';
export { TransportError } from './transports/transport.js';
export type { Socket, Target, TlsSettings, Transport } from './transports/transport.js';
export { webSocketTransport } from './transports/websocket.js';
export type { WebSocketOptions } from './transports/websocket.js';
export type { WaitOptions } from './wait.js';
