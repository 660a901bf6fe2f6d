const SECRET = /password|secret|token/i;
const LONGEST = 200;

/**
 * What was asked for, fit for the audit trail: secrets replaced, long texts cut, nothing deeper than two levels.
 * A refused body is hostile until proven otherwise, and it is kept for a year.
 */
export const withoutSecrets = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value;
  if (typeof value !== 'object' || value === null) return value ?? null;
  if (depth >= 2) return '…';
  if (Array.isArray(value)) return value.slice(0, 20).map((item) => withoutSecrets(item, depth + 1));
  const entries = Object.entries(value).slice(0, 40);
  return Object.fromEntries(
    entries.map(([key, item]) => [key.slice(0, 64), SECRET.test(key) ? '[redacted]' : withoutSecrets(item, depth + 1)]),
  );
};
