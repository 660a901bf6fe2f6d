/** A form in which a secret may lie somewhere. */
export interface Form {
  form: string;
  bytes: Buffer;
}

/** Each of three places that the first byte may have in a group of base64; only what the secret alone decides. */
const base64 = (secret: Buffer, encoding: 'base64' | 'base64url'): Form[] =>
  [0, 1, 2].map((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), secret]).toString(encoding);
    const certain = whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + secret.length) * 8) / 6));
    return { form: `${encoding} +${before}`, bytes: Buffer.from(certain) };
  });

const eachByte = (secret: Buffer, write: (hex: string) => string): Buffer =>
  Buffer.from([...secret].map((byte) => write(byte.toString(16).padStart(2, '0'))).join(''));

/** Every form that is searched for; forms that come out alike once. */
export const formsOf = (secret: string): Form[] => {
  const raw = Buffer.from(secret);
  const forms: Form[] = [
    { form: 'raw', bytes: raw },
    ...base64(raw, 'base64'),
    ...base64(raw, 'base64url'),
    { form: 'hex', bytes: eachByte(raw, (hex) => hex) },
    { form: 'HEX', bytes: eachByte(raw, (hex) => hex.toUpperCase()) },
    { form: 'url', bytes: Buffer.from(encodeURIComponent(secret)) },
    { form: 'url, every byte', bytes: eachByte(raw, (hex) => `%${hex.toUpperCase()}`) },
    { form: 'url, every byte, lower case', bytes: eachByte(raw, (hex) => `%${hex}`) },
    { form: 'json', bytes: Buffer.from(JSON.stringify(secret).slice(1, -1)) },
    { form: 'json, every character', bytes: eachByte(raw, (hex) => `\\u00${hex}`) },
    { form: 'json, every character, upper case', bytes: eachByte(raw, (hex) => `\\u00${hex.toUpperCase()}`) },
    { form: 'utf-16', bytes: Buffer.from(secret, 'utf16le') },
  ];
  const seen = new Set<string>();
  return forms.filter(({ bytes }) => {
    const text = bytes.toString('latin1');
    return !seen.has(text) && seen.add(text);
  });
};
