// Programs that tests of the examples start: what they printed, waiting for a line, and their end.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../bridge/fixture.mjs';

export const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

export class Program {
  output = '';

  constructor(command, words, environment = {}) {
    this.child = spawn(command, words, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const pipe of [this.child.stdout, this.child.stderr]) pipe.on('data', (bytes) => (this.output += bytes));
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => resolve(code ?? signal));
      this.child.once('error', (error) => {
        this.output += String(error);
        resolve(-1);
      });
    });
  }

  /** The match, once there is one. */
  async prints(pattern, withinMs = 20_000) {
    let isOver = false;
    void this.ended.then(() => (isOver = true));
    try {
      return await until(String(pattern), () => {
        const found = pattern.exec(this.output);
        if (found === null && isOver) throw new Error('it has ended');
        return found;
      }, withinMs);
    } catch (error) {
      throw new Error(`${error.message}; it printed:\n${this.output}`);
    }
  }

  /** SIGTERM, and what it ends with. */
  async stop() {
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    const code = await this.ended;
    clearTimeout(late);
    return code;
  }
}
