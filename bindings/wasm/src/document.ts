// Options of TypeScript as a document of the core, which alone judges what is allowed. Its keys are the options' names in
// snake_case, mechanically; what it says of a key is told by the name that was typed.
import { MillraceError } from './errors.js';

/** Options as they were typed. */
export type Document = Readonly<Record<string, unknown>>;

/** `batchSize` is `batch_size`. */
export function keyOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `batch_size` is `batchSize`. */
function optionOf(key: string): string {
  return key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
  // Its text may be a secret: a password comes as a Buffer from a file.
  const shown = typeof value === 'number' ? value : typeof value;
  throw new MillraceError('bad_config', `${option}: ${shown} is no value of an option`);
}

/** A copy, which the caller can't change any more. Undefined members are as if they were not there. */
export function documentOf(options: object): Document {
  const document: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(options)) {
    if (value !== undefined) document[option] = valueOf(option, value);
  }
  return document;
}

/** An option as it was typed, where it was. */
export function optionIn(document: unknown, option: string): string | undefined {
  return isDocument(document) ? Object.keys(document).find((each) => keyOf(each) === keyOf(option)) : undefined;
}

/** What the core reads. */
export function jsonOf(document: Document): string {
  const keyed = (value: Document): Document =>
    Object.fromEntries(Object.entries(value).map(([option, each]) => [keyOf(option), each]));
  return JSON.stringify(document, (_, value: unknown) => (isDocument(value) ? keyed(value) : value));
}

/** What the core says of a document, by the names in it. What it says of a URL, where keys are typed, stays as it is. */
export function inOptions(message: string, document: Document): string {
  const typed = new Map<string, string>();
  JSON.stringify(document, (option, value: unknown) => (typed.set(keyOf(option), option), value));
  const path = /^(?:unknown key ")?([^":]*)/.exec(message)![1]!;
  const options = path.split('.').map((key) => typed.get(key));
  if (options.includes(undefined)) return message;
  return message
    .replace(path, () => options.join('.'))
    .replace(/(key is "|beside |without |least )([\w.]+)/g, (_, before: string, key: string) => before + (typed.get(key) ?? optionOf(key)));
}
