/**
 * RFC 8785: one text for one value. ECMAScript's own numbers and strings are what the RFC asks for (sections 3.2.2.2 and 3.2.2.3), and
 * its default order of strings, by UTF-16 code units, is that of the keys (section 3.2.3).
 * @throws TypeError for what JSON does not have: NaN, infinities, undefined, functions
 */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>;
    const keys = Object.keys(members).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(members[key])}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${value} is not JSON`);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`${typeof value} is not JSON`);
  return text;
};
