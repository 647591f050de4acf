// The module as the package carries it for hosts that have no file to read: base64 of gzip.
import { wasmBase64 } from '../inline-wasm.mjs';

/** Compiles it. */
export async function loadInline(): Promise<WebAssembly.Module> {
  const packed = Uint8Array.from(atob(wasmBase64), (each) => each.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
}
