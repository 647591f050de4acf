// The story in a host that has a command line.
import { story } from './story.mjs';

const given = JSON.parse((globalThis.Deno?.args ?? globalThis.process.argv.slice(2))[0]);
console.log(JSON.stringify(await story(given)));
