#!/usr/bin/env bash
# docker-compose.yml, without an engine: Debian's docker-compose resolves it, and what it promises is checked.
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"

resolved=$(/usr/bin/docker-compose -f "$root/docker-compose.yml" config)
# docker-compose is written in this Python, so its YAML reader is here too.
/usr/bin/python3 - "$root" <(printf '%s' "$resolved") <<'PYTHON'
import os, re, sys, yaml

root, path = sys.argv[1:]
services = yaml.safe_load(open(path))['services']
harness = services.pop('harness')
wrong = []

def expect(truth, message):
    if not truth:
        wrong.append(message)

expect(set(services) == {'redis-4', 'redis-5', 'redis-6', 'redis-7', 'redis-8', 'valkey'}, f'servers are {sorted(services)}')
for name, service in services.items():
    expect(re.fullmatch(r'[a-z/]+:\d+\.\d+\.\d+', service['image']), f"{name}: {service['image']} is not pinned to a version")
    major = re.fullmatch(r'redis-(\d+)', name)
    expect(not major or f':{major[1]}.' in service['image'], f"{name}: {service['image']} is another version")
    expect(service.get('healthcheck', {}).get('test'), f'{name} has no health check')
    expect(harness['depends_on'].get(name, {}).get('condition') == 'service_healthy', f'the harness does not wait for a healthy {name}')

urls = sorted(harness['environment']['MILLRACE_SERVERS'].split())
expect(urls == sorted(f'redis://{name}:6379' for name in services), f'MILLRACE_SERVERS is {urls}')
command = harness['command']
expect(command[:2] == ['millrace-harness', 'run'], f'the command is {command}')
for area in 'burst', 'flush', 'recovery':
    expect(f'--scenario={area}/*' in command, f'{area} is not replayed')
dockerfile = os.path.join(harness['build']['context'], harness['build']['dockerfile'])
expect(os.path.samefile(harness['build']['context'], root), 'the build context is not the repository')
expect(os.path.isfile(dockerfile), f'{dockerfile} is missing')

for message in wrong:
    print(f'docker-compose.yml: {message}', file=sys.stderr)
sys.exit(bool(wrong))
PYTHON
