// The bridge's registers, as one table, and their Prometheus text. Label values come from tables of ours alone, never
// from what a client sends, so that their number is bounded.

interface Row {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly label?: string;
}

const table = {
  connections: { name: 'connections', type: 'gauge', help: 'Clients connected now' },
  accepted: { name: 'accepted_total', type: 'counter', help: 'Clients let in' },
  refused: { name: 'refused_total', type: 'counter', help: 'Clients not let in, by reason', label: 'reason' },
  closed: { name: 'closed_total', type: 'counter', help: 'Connections ended, by the WebSocket code', label: 'code' },
  upstreamFailures: {
    ...{ name: 'upstream_failures_total', type: 'counter', label: 'reason' },
    help: 'Connections to the upstream that did not come about, by reason',
  },
  upstreamConnections: { name: 'upstream_connections', type: 'gauge', help: 'Connections to the upstream now' },
  commands: { name: 'commands_total', type: 'counter', help: 'Commands sent on to the upstream' },
  denied: { name: 'commands_denied_total', type: 'counter', help: 'Commands answered NOPERM', label: 'command' },
  bytes: { name: 'bytes_total', type: 'counter', help: 'Bytes passed on, by direction', label: 'direction' },
  buffered: { name: 'buffered_bytes', type: 'gauge', help: 'Bytes waiting in the bridge for a slower side' },
  paused: { name: 'pauses_total', type: 'counter', help: 'Times a side was not read for a while', label: 'why' },
  stopping: { name: 'stopping', type: 'gauge', help: '1 while the bridge shuts down' },
} as const satisfies Record<string, Row>;

export type Register = keyof typeof table;

export class Metrics {
  private readonly values = new Map<Register, Map<string, number>>();
  private readonly reads = new Map<Register, () => number>();

  /** A gauge that is looked up when it is asked for. */
  measure(register: Register, read: () => number): void {
    this.reads.set(register, read);
  }

  add(register: Register, count = 1, label = ''): void {
    let labels = this.values.get(register);
    if (labels === undefined) this.values.set(register, (labels = new Map()));
    labels.set(label, (labels.get(label) ?? 0) + count);
  }

  value(register: Register, label = ''): number {
    return this.reads.get(register)?.() ?? this.values.get(register)?.get(label) ?? 0;
  }

  text(): string {
    let out = '';
    for (const [register, row] of Object.entries(table) as [Register, Row][]) {
      const name = `millrace_bridge_${row.name}`;
      out += `# HELP ${name} ${row.help}\n# TYPE ${name} ${row.type}\n`;
      if (row.label === undefined) {
        out += `${name} ${this.value(register)}\n`;
        continue;
      }
      for (const [label, value] of this.values.get(register) ?? []) {
        out += `${name}{${row.label}="${label}"} ${value}\n`;
      }
    }
    return out;
  }
}
