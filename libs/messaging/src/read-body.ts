import { MAX_BODY_BYTES, Refused } from '#contracts';

/** Depth at which a body is refused: JSON.parse survives it, but whoever walks the result by recursion may not. */
const MAX_DEPTH = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON object in a message. An empty body is an empty object, as `nats request SUBJECT ''` sends it.
 * @throws Refused PAYLOAD_TOO_LARGE or INVALID_JSON.
 */
export const readBody = (bytes: Uint8Array): Record<string, unknown> => {
  if (bytes.byteLength > MAX_BODY_BYTES) throw new Refused('PAYLOAD_TOO_LARGE');
  if (bytes.byteLength === 0) return {};
  let body: unknown;
  try {
    const text = utf8.decode(bytes);
    if (depthOf(text) > MAX_DEPTH) throw new Error('too deep');
    body = JSON.parse(text);
  } catch {
    throw new Refused('INVALID_JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refused('INVALID_JSON');
  return body as Record<string, unknown>;
};

/** Deepest nesting, told from the brackets outside strings. */
const depthOf = (text: string): number => {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === '\\') i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    else if (char === '}' || char === ']') depth--;
  }
  return deepest;
};
