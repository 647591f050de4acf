// A client that ends with its test.
import { connect } from 'millrace';

export async function clientFor(t, ...args) {
  const client = await connect(...args);
  t.after(() => client.close({ timeoutMs: 1000 }));
  return client;
}
