// A project that has the packed package installed, as an author's has.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of `from` with millrace in its node_modules, and links to ours of the other names. */
export async function installIn(from, linked = []) {
  const project = await mkdtemp(join(tmpdir(), 'millrace-project-'));
  await cp(from, project, { recursive: true });
  const modules = join(project, 'node_modules');
  await mkdir(modules);
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: packageRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const listed = JSON.parse(packed);
  const [{ filename }] = Array.isArray(listed) ? listed : Object.values(listed);
  execFileSync('tar', ['-xzf', join(project, filename), '-C', modules]);
  await rename(join(modules, 'package'), join(modules, 'millrace'));
  for (const name of linked) await symlink(join(packageRoot, 'node_modules', name), join(modules, name));
  return { project, installed: join(modules, 'millrace'), remove: () => rm(project, { recursive: true, force: true }) };
}
