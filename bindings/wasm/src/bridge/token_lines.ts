// The lines of a tokens file. What is wrong is told by the line's number, since the line may be a secret.
import { checkedRoles, type TokenOptions } from './settings.js';
import { given } from './values.js';

/** Lines of NAME TOKEN, and what this one is for. A line that is wrong is told by its number: it may be a secret. */
export function readTokens(text: string, faults: string[]): TokenOptions[] {
  const tokens: TokenOptions[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [name = '', token, ...rest] = line.trim().split(/\s+/);
    const wrong = rest.filter((word) => !/^(allow|keys)=./.test(word));
    if (token === undefined || wrong.length > 0) {
      faults.push(`tokens: line ${i + 1} is not NAME TOKEN [allow=ROLE,…] [keys=PREFIX,…]`);
      continue;
    }
    const words = (what: string): string[] | undefined =>
      rest
        .find((word) => word.startsWith(`${what}=`))
        ?.slice(what.length + 1)
        .split(',');
    const allow = words('allow');
    const roles = allow === undefined ? undefined : checkedRoles(`tokens: line ${i + 1}: allow`, allow, faults);
    tokens.push(given({ name, token, allow: roles, keys: words('keys') }) as unknown as TokenOptions);
  }
  return tokens;
}
