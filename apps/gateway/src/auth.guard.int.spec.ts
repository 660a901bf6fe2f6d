import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadSettings } from '#runtime';
import { AccessKey } from './auth.guard';

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const publicPem = (curve: string) => ec(curve).publicKey.export({ type: 'spki', format: 'pem' }).toString();

describe('AccessKey', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spindle-key-'));
  const written = (text: string): string => {
    const file = join(folder, 'key.pem');
    writeFileSync(file, text);
    return file;
  };
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads a P-256 public key', () => {
    const pem = publicPem('P-256');

    expect(AccessKey.fromFile(written(pem)).pem).toBe(pem.trim());
  });

  it.each([
    ['a key of another curve', publicPem('P-384')],
    ['a private key, which only targets-service may have', ec('P-256').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['what is no key', 'secret'],
    ['an empty file', ''],
  ])('refuses %s', (_what, text) => {
    expect(() => AccessKey.fromFile(written(text))).toThrow(BadSettings);
  });

  it('refuses a file that is not there', () => {
    expect(() => AccessKey.fromFile(join(folder, 'nothing'))).toThrow(BadSettings);
  });
});
