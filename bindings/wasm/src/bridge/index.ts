// `millrace/bridge`: the bridge for programs that have an HTTP server already. The command beside it is cli.ts.
export { createBridge, type Bridge } from './bridge.js';
export type { Role } from './commands.js';
export { formatted, type Level, type LogFormat, type LogLine } from './log.js';
export { BadOptions, type BridgeOptions, type TokenOptions, type UpstreamOptions } from './settings.js';
