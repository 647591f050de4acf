// What the module's glue exports. Apart from the module's functions, since not every project knows WebAssembly's types.
import type { MillraceModule } from '../module.js';

/** What the glue exports: it instantiates with what it is given, and never fetches. */
export type ModuleFactory = (host: {
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module?: WebAssembly.Module) => void,
  ): object;
  onAbort?: (what: unknown) => void;
}) => Promise<MillraceModule>;
