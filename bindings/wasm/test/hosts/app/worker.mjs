// The story in workerd, one request each.
import { story } from './story.mjs';

export default {
  async fetch(request) {
    try {
      return Response.json(await story(await request.json()));
    } catch (error) {
      return Response.json({ failed: `${error?.stack ?? error}` });
    }
  },
};
