// Watches a stream in a page, through a bridge. What to watch is behind the # of the page's address, which reaches no
// server: #token=…&stream=orders, and &bridge=wss://… where it is not beside the page.
import { connect, webSocketTransport } from 'millrace';

const shownMax = 200;
const wanted = new URLSearchParams(location.hash.slice(1));
const stream = wanted.get('stream') ?? 'orders';
const token = wanted.get('token') ?? '';
const bridge = new URL(wanted.get('bridge') ?? '/redis', location.href.replace(/^http/, 'ws'));
const state = document.querySelector('#state');
const entries = document.querySelector('#entries');
document.querySelector('#title').textContent = stream;

function encoded(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

/** A WebSocket is told no reason when it is refused; the bridge answers by GET what it would say. */
async function whyNot() {
  try {
    const asked = new URL(bridge.href.replace(/^ws/, 'http'));
    const answer = await fetch(asked, { headers: { authorization: `Bearer ${token}` } });
    return answer.ok ? '' : `refused (${answer.status}): ${(await answer.text()).trim()}`;
  } catch {
    return 'the bridge can not be reached';
  }
}

function show(entry) {
  const line = document.createElement('li');
  line.textContent = `${entry.id} ${JSON.stringify(Object.fromEntries(entry.fields))}`;
  entries.prepend(line);
  while (entries.childElementCount > shownMax) entries.lastElementChild.remove();
}

// The session tells the bridge which connections are this page's.
const protocols = ['millrace.v1', `millrace.token.${encoded(token)}`, `millrace.session.${Math.random()}`];
const transport = webSocketTransport({ url: bridge, protocols });
const client = await connect({ transport, flushInterval: 0, maxRetryDelay: '1s' });
client.on('ready', () => (state.textContent = 'live'));
client.on('reconnected', () => (state.textContent = 'live'));
client.on('gap', ({ cursor, first }) => (state.textContent = `live; entries between ${cursor} and ${first} are gone`));
client.on('disconnected', async ({ error }) => {
  state.textContent = error.message;
  const why = await whyNot();
  if (why !== '') state.textContent = why;
});
for await (const batch of client.tail({ stream, from: 'last:10' })) {
  for (const entry of batch) show(entry);
}
