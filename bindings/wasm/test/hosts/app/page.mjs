// Cases in a page, each when the test asks for it.
import * as millrace from 'millrace';
import { play } from './cases.mjs';

globalThis.playCase = (name, given) => play(name, millrace, given);
