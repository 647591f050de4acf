// Every case that a host must pass, and how one is played. A case is a name and `run(host)`, which throws what is
// wrong; `before` and `after` are the test's part: what the server has before the host runs, and must have afterwards.
import { delivery } from './cases/delivery.mjs';
import { ends } from './cases/ends.mjs';
import { values } from './cases/values.mjs';

export const cases = [...delivery, ...values, ...ends];

const deadlineMs = 30_000;

/**
 * Plays the case of that name with the package as the host has it. What a case may use is here: clients of the servers
 * that were given, closed when the case ends, and what the host is known to answer otherwise than others.
 */
export async function play(name, { connect, MillraceError, webSocketTransport }, given) {
  const clients = [];
  const opening =
    ({ url, bridge, protocols, tls } = {}) =>
    async (options = {}) => {
      const transport = bridge && webSocketTransport({ url: bridge, protocols });
      const client = await connect({ url, transport, tls, ...options });
      clients.push(client);
      return client;
    };
  const host = {
    connect,
    MillraceError,
    expects: given.expects,
    open: opening(given.server),
    openPubsub: opening(given.pubsub),
    openRefused: opening(given.refused),
    openTls: opening(given.tls),
    openSilent: opening(given.silent),
  };
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    await Promise.race([cases.find((each) => each.name === name).run(host), late]);
    return { name };
  } catch (error) {
    // Not every host's stack begins with the message.
    return { name, failed: `${error?.message}\n${error?.stack}` };
  } finally {
    clearTimeout(timer);
    await Promise.all(clients.map((client) => client.close({ timeoutMs: 1000 }).catch(() => undefined)));
  }
}
