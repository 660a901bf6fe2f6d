import { MAX_BODY_BYTES, Refused } from '#contracts';

/** Depth at which a body is refused: JSON.parse survives it, but whoever walks the result by recursion may not. */
const MAX_DEPTH = 32;

/** Of a text that JSON.parse took: what opens and closes, and strings, with the colon behind those that are keys. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON object in a message. An empty body is an empty object, as `nats request SUBJECT ''` sends it.
 * @throws Refused PAYLOAD_TOO_LARGE or INVALID_JSON.
 */
export const readBody = (bytes: Uint8Array): Record<string, unknown> => {
  if (bytes.byteLength > MAX_BODY_BYTES) throw new Refused('PAYLOAD_TOO_LARGE');
  if (bytes.byteLength === 0) return {};
  const { text, body } = parse(bytes);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refused('INVALID_JSON');
  mustBePlain(text);
  return body as Record<string, unknown>;
};

const parse = (bytes: Uint8Array): { text: string; body: unknown } => {
  try {
    const text = utf8.decode(bytes);
    return { text, body: JSON.parse(text) as unknown };
  } catch {
    throw new Refused('INVALID_JSON');
  }
};

/** Of a key that is there twice JSON.parse keeps the last, and another reader of the same bytes the first: such a body says two things. */
const mustBePlain = (text: string): void => {
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(TOKENS)) {
    if (token === '}' || token === ']') open.pop();
    else if (token === '{' || token === '[') {
      if (open.push(new Set()) > MAX_DEPTH) throw new Refused('INVALID_JSON', { hint: `It is nested more than ${MAX_DEPTH} deep.` });
    } else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string;
      if (open.at(-1)!.has(key)) throw new Refused('INVALID_JSON', { hint: 'A key is there twice.' });
      open.at(-1)!.add(key);
    }
  }
};
