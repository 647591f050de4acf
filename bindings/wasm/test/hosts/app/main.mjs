// All cases in a host that has a command line: a line of output for each.
import * as millrace from 'millrace';
import { play } from './cases.mjs';

const { names, given } = JSON.parse((globalThis.Deno?.args ?? globalThis.process.argv.slice(2))[0]);
for (const name of names) console.log(JSON.stringify(await play(name, millrace, given)));
