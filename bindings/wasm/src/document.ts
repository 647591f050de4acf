// Options of TypeScript as a document of the core: names become snake_case mechanically, and the core alone judges what
// is allowed.
import { MillraceError } from './errors.js';

/** `batchSize` is `batch_size`. */
export function keyOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function valueOf(option: string, value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      // JSON has no such numbers, and would say null, which keeps a default.
      if (Number.isFinite(value)) return value;
      break;
    case 'object':
      if (value === null) return value;
      if (Array.isArray(value)) return value.map((each) => valueOf(option, each));
      if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
        return documentOf(value as Record<string, unknown>);
      }
  }
  throw new MillraceError('bad_config', `${keyOf(option)}: ${String(value)} is no value of an option`);
}

/** Undefined members are as if they were not there. */
export function documentOf(options: object): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(options)) {
    if (value !== undefined) document[keyOf(option)] = valueOf(option, value);
  }
  return document;
}
