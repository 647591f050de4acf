// The module's glue, which the build puts beside the package's own files.
import type { ModuleFactory } from './host/factory.js';

declare const factory: ModuleFactory;
export default factory;
