/** The module, gzipped, in base64; the build writes it. */
export declare const wasmBase64: string;
