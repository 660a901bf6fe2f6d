const SECRET = /password|secret|token/i;
const LONGEST = 200;
/** What our own fields are named like. */
const FIELD_NAME = /^[a-z][a-z_]{0,31}$/;
/** What cannot be a secret by its form: UUID, MAC address, IQN, host of a portal. */
const PLAIN = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{2}([:-][0-9a-f]{2}){5}|iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.:-]{1,200})$/i;

/**
 * What was asked for, fit for the audit trail: secrets replaced, long texts cut, nothing deeper than two levels.
 * A refused body is hostile until proven otherwise, and it is kept for a year.
 * @param wellFormed false when the body is not what the request takes: a password may then stand in any field, or be the name of
 * one, so that of texts and of unknown names only the length is kept
 */
export const withoutSecrets = (value: unknown, wellFormed: boolean, depth = 0): unknown => {
  if (typeof value === 'string') return wellFormed || PLAIN.test(value) ? cut(value, LONGEST) : `[${value.length} characters]`;
  if (typeof value === 'number') return wellFormed || Math.abs(value) < 1_000_000 ? value : '[number]';
  if (typeof value !== 'object' || value === null) return value ?? null;
  if (depth >= 2) return '…';
  if (Array.isArray(value)) return value.slice(0, 20).map((item) => withoutSecrets(item, wellFormed, depth + 1));
  const entries = Object.entries(value).slice(0, 40);
  return Object.fromEntries(
    entries.map(([key, item]) => [
      wellFormed || FIELD_NAME.test(key) ? cut(key, 64) : `[${key.length} characters]`,
      SECRET.test(key) ? '[redacted]' : withoutSecrets(item, wellFormed, depth + 1),
    ]),
  );
};

/**
 * Postgres stores neither U+0000 nor half a surrogate pair, which cutting may make too: the replacement character stands for
 * them, so that they do not keep a refusal out of the trail.
 */
const cut = (text: string, longest: number): string => {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return short.replaceAll('\0', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');
};
