// Hosts and bundlers that import WebAssembly give its compiled module.
declare module '*.wasm' {
  const compiled: WebAssembly.Module;
  export default compiled;
}
