import { statSync, readFileSync } from 'node:fs';

/** What people leave in place of a secret, alone or in a row, with digits behind. */
const WORDS =
  'admin|administrator|root|user|password|passwort|passw0rd|pass|changeme|change-me|changeit|replaceme|replace-me|secret|not-a-secret|spindle|' +
  'default|example|sample|test|letmein|welcome|iloveyou|qwerty|qwertz|abc|postgres|postgresql|database|nats|token|key|correct|horse|battery|staple';
const DEFAULT = new RegExp(`^((${WORDS})[-_. ]?)*[0-9!]*$`, 'i');
const FEWEST_DIFFERENT = 5;
/** Twelve of 64 characters are 72 bits, and what `INVALID_PASSWORD` asks of people. */
const SHORTEST = 12;

export const isDefaultSecret = (text: string): boolean => DEFAULT.test(text) || new Set(text).size < FEWEST_DIFFERENT;

const problemOf = (secret: string): string | undefined => {
  if (secret === '') return 'is empty';
  if (isDefaultSecret(secret)) return 'is a default';
  return secret.length < SHORTEST ? `has fewer than ${SHORTEST} characters` : undefined;
};

type Known = Readonly<Record<string, string | undefined>>;

/** Files whose content must stay ours; public keys and certificates need not. */
const PRIVATE_FILE = /(KEY|PASSWORD|SECRET|SECRETS|SEED)_FILE$/;
const hasPrivateFile = (name: string): boolean => PRIVATE_FILE.test(name) && !name.includes('PUBLIC');
/** Container engines bind what they mount here with the mode that it has outside; who may enter the container decides. */
const MOUNTED_SECRETS = '/run/secrets/';

/**
 * What must not be so where it counts, a line each: secrets that are empty, short or known to everybody, servers that are entered without
 * one, and files of secrets that others can read or change.
 * @param settings as text, by name
 */
export const secretProblems = (settings: Known): string[] => [
  ...Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : problemsOf(name, value))),
  ...natsProblems(settings),
];

const problemsOf = (name: string, value: string): string[] => {
  if (name.endsWith('_PASSWORD')) return named(name, problemOf(value));
  if (name.endsWith('DATABASE_URL')) return named(name, urlProblem(value));
  return hasPrivateFile(name) ? fileProblems(name, value) : [];
};

const named = (name: string, problem: string | undefined): string[] => (problem === undefined ? [] : [`${name}: ${problem}`]);

/** A URL without host is a local socket, where the system says who asks. */
const urlProblem = (text: string): string | undefined => {
  if (!URL.canParse(text)) return undefined;
  const { hostname, password } = new URL(text);
  if (hostname === '' && password === '') return undefined;
  const problem = password === '' ? 'is missing' : problemOf(decoded(password));
  return problem && `its password ${problem}`;
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const fileProblems = (name: string, path: string): string[] => {
  const problems: string[] = [];
  try {
    const mode = statSync(path).mode;
    if (!path.startsWith(MOUNTED_SECRETS)) {
      if (mode & 0o004) problems.push(`${name}: ${path} can be read by everybody; chmod 0600`);
      if (mode & 0o022) problems.push(`${name}: ${path} can be changed by others; chmod 0600`);
    }
    if (name.endsWith('PASSWORD_FILE')) problems.push(...named(name, problemOf(readFileSync(path, 'utf8').trim())));
  } catch {
    problems.push(`${name}: cannot read ${path}`);
  }
  return problems;
};

/** Whoever connects as nobody in particular has all rights of everybody else who does. */
const natsProblems = (settings: Known): string[] => {
  const { NATS_URL: urls, NATS_PASSWORD: password, NATS_NKEY_SEED_FILE: seed, NATS_TLS_CERT_FILE: certificate } = settings;
  if (!('NATS_URL' in settings)) return [];
  const inUrl = (urls ?? '').split(',').some((url) => URL.canParse(url) && new URL(url).password !== '');
  if (inUrl) return ['NATS_URL: holds a password, and is logged; use NATS_PASSWORD or NATS_NKEY_SEED_FILE'];
  return (password ?? seed ?? certificate) ? [] : ['NATS_PASSWORD: not set, and neither is NATS_NKEY_SEED_FILE'];
};
