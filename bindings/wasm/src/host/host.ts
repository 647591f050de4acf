// What one kind of host brings: its sockets, its way to the module, and what the options are by default there.
import { MillraceError } from '../errors.js';
import type { MillraceModule } from '../module.js';
import type { ModuleFactory } from './factory.js';
import type { Transport } from '../transports/transport.js';
import type { DecodeText } from './records.js';

/** A kind of host. */
export interface Host {
  readonly transport: Transport;
  readonly decode: DecodeText;
  /** What runs a task once the code that runs now, and whatever it has woken, has ended; made for each client. */
  deferring(): (task: () => void) => void;
  /** The compiled module; asked for once. */
  load(): Promise<WebAssembly.Module>;
  /** 128 random bits of the system. */
  seed(): Uint32Array;
  /** Options that are other than the core's here, by the names of documents. */
  defaults(): Readonly<Record<string, unknown>>;
}

/** One decoder for all texts; bytes that are no UTF-8 become U+FFFD, and a byte order mark is text like any other. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** For hosts that have nothing faster. */
export const decodeText: DecodeText = (bytes, start, end) => decoder.decode(bytes.subarray(start, end));

/** As the web has them. */
export const webSeed: Host['seed'] = () => crypto.getRandomValues(new Uint32Array(4));

/** By a timer, where it is not held up. */
export const deferByTimer: Host['deferring'] = () => (task) => void setTimeout(task, 0);

/** What keys are by default on hosts that come and go, and where connections are few. */
export const edgeDefaults: Readonly<Record<string, unknown>> = { lanes: 1, consumer_lease: true };

/** A new instance of the module: nothing is shared between clients but the compiled code. The glue gets ready while
 * that is being compiled. */
export async function instantiate(
  factory: ModuleFactory,
  compiled: Promise<WebAssembly.Module>,
): Promise<MillraceModule> {
  return new Promise<MillraceModule>((resolve, reject) => {
    factory({
      instantiateWasm(imports, receive) {
        compiled
          .then(async (module) => receive(await WebAssembly.instantiate(module, imports), module))
          .catch(reject);
        return {};
      },
      onAbort: (what) => reject(new MillraceError('out_of_memory', `the module could not be started: ${String(what)}`)),
    }).then(resolve, reject);
  });
}
