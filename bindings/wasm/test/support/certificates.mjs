// Certificates for one run of the tests.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An authority, and a certificate of localhost that it signed: paths of PEM files. */
export async function makeCertificates() {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
  const openssl = (text) => execFileSync('openssl', text.trim().split(/\s+/), { cwd: folder, stdio: 'ignore' });
  const curve = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  openssl(`req -x509 ${curve} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority`);
  openssl(`req ${curve} -keyout server.key -out server.csr -subj /CN=localhost`);
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
  openssl('x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem');
  const of = (name) => join(folder, name);
  return {
    ca: of('ca.pem'),
    /** Flags of a server that speaks TLS on that port. */
    flags: (port) => [
      ...['--tls-port', port, '--tls-auth-clients', 'no', '--tls-ca-cert-file', of('ca.pem')],
      ...['--tls-cert-file', of('server.pem'), '--tls-key-file', of('server.key')],
    ],
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
