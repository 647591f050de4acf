// A scheduled worker: one run a request, as its options say.
import { connect } from 'millrace';

export default {
  async fetch(request) {
    if (request.method === 'HEAD') return new Response();
    const { url, stream, options, slowMs = 0, ...run } = await request.json();
    await using client = await connect(url, { flushInterval: 0, ...options });
    const seen = [];
    let name = '';
    client.on('ready', (event) => (name = event.consumer));
    const result = await client.consumer({ stream, group: 'g', consumer: 'job' }).run(async (batch) => {
      if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
      for (const entry of batch) seen.push([Number(entry.get('n')), entry.deliveries]);
    }, run);
    return Response.json({ ...result, name, seen });
  },
};
