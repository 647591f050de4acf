// Node's own modules, when they are wanted: as they are, where Node can give them so, since what an import makes of them
// loads all that they have.

interface Builtins {
  'node:fs': typeof import('node:fs');
  'node:net': typeof import('node:net');
  'node:tls': typeof import('node:tls');
}

const imports: { readonly [Name in keyof Builtins]: () => Promise<Builtins[Name]> } = {
  'node:fs': () => import('node:fs'),
  'node:net': () => import('node:net'),
  'node:tls': () => import('node:tls'),
};

/** One of them. */
export async function builtin<Name extends keyof Builtins>(name: Name): Promise<Builtins[Name]> {
  // Node 20.16 and later; not in the types of what may be older.
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: Name) => Builtins[Name] };
  return getBuiltinModule ? getBuiltinModule(name) : imports[name]();
}
