// What the cases have in common: saying what differs, and taking what comes. No host's own modules: cases run everywhere.

/** Throws, with both, unless they are the same as JSON. */
export function same(actual, expected, what) {
  const [is, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== wanted) throw new Error(`${what}: ${String(is).slice(0, 500)}, not ${String(wanted).slice(0, 500)}`);
}

/** Throws unless `act` fails with a MillraceError of that code. */
export async function fails({ MillraceError }, code, act, what) {
  let error;
  try {
    await act();
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof MillraceError))
    throw new Error(`${what}: no MillraceError but ${String(error?.stack ?? error)}`);
  same(error.code, code, `${what}: ${error.message}`);
}

/** Batches until so many entries have come. */
export async function take(source, count) {
  const batches = [];
  for (let got = 0; got < count; got += batches.at(-1).length) {
    const batch = await source.next({ timeoutMs: 15_000 });
    if (!batch) throw new Error(`${got} of ${count} entries came`);
    batches.push(batch);
  }
  return batches;
}

/** Entries until so many have come; the server has executed their acks when this resolves. */
export async function takeAndAck(source, count) {
  const batches = await take(source, count);
  for (const batch of batches) batch.ack();
  await Promise.all(batches.map((batch) => batch.confirmed()));
  return batches.flatMap((batch) => batch.entries);
}

export const numbered = (count) => Array.from({ length: count }, (_, n) => ({ n }));
export const numbers = (entries) => [...entries].map((entry) => Number(entry.get('n')));
export const upTo = (count) => numbered(count).map(({ n }) => n);

/** Bytes that no text looks like, and of which every piece differs. */
export function patterned(size) {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; ++i) bytes[i] = (i * 31) ^ (i >> 8);
  return bytes;
}

export function sameBytes(actual, expected, what) {
  if (actual?.length !== expected.length) throw new Error(`${what}: ${actual?.length} bytes, not ${expected.length}`);
  // No callback for each: there may be 64 million.
  for (let at = 0; at < expected.length; ++at) {
    if (actual[at] !== expected[at]) throw new Error(`${what}: byte ${at} is ${actual[at]}, not ${expected[at]}`);
  }
}
