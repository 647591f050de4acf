// Cases in workerd, one a request.
import * as millrace from 'millrace';
import { play } from './cases.mjs';

export default {
  async fetch(request) {
    if (request.method === 'HEAD') return new Response();
    const { name, given } = await request.json();
    return Response.json(await play(name, millrace, given));
  },
};
