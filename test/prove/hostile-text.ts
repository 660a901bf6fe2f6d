/**
 * Texts that look like something they are not. Each is made from a text that would be accepted, so that nothing but the lie itself can be
 * the reason of a refusal. Written with escapes: an editor shows half of them as nothing at all.
 */
export interface Lie {
  name: string;
  of: (valid: string) => string;
}

const after = (name: string, text: string): Lie => ({ name, of: (valid) => `${valid}${text}` });
const before = (name: string, text: string): Lie => ({ name, of: (valid) => `${text}${valid}` });
const within = (name: string, text: string): Lie => ({ name, of: (valid) => `${valid.slice(0, 1)}${text}${valid.slice(1)}` });
const whole = (name: string, text: string): Lie => ({ name, of: () => text });
/** The first character that has a double, replaced by that; a text without any gets one behind it. */
const double = (name: string, doubles: Record<string, string>, other: string): Lie => ({
  name,
  of: (valid) => {
    const at = [...valid].findIndex((char) => Object.hasOwn(doubles, char));
    return at < 0 ? `${valid}${other}` : `${valid.slice(0, at)}${doubles[valid[at]!]}${valid.slice(at + 1)}`;
  },
});

const fullwidth = Object.fromEntries(
  [...'abcdefghijklmnopqrstuvwxyz0123456789'].map((char) => [char, String.fromCharCode(char.charCodeAt(0) + 0xfee0)]),
);

export const LIES: Lie[] = [
  after('space behind', ' '),
  before('space before', ' '),
  within('tab', '\t'),
  after('newline behind', '\n'),
  after('a second line for targetcli', '\n/iscsi delete iqn.2025-01.io.spindle:x'),
  within('CR LF', '\r\n'),
  after('a log line of its own', '\n{"level":60,"msg":"all is well"}'),
  after('ANSI escape', '\u001b[2J\u001b[31m'),
  within('CSI of C1', '\u009b31m'),
  within('next line of C1', '\u0085'),
  within('backspace', '\b\b'),
  within('delete', '\u007f'),
  after('NUL behind', '\0'),
  within('NUL within', '\0'),
  after('line separator', '\u2028'),
  after('paragraph separator', '\u2029'),
  within('percent, a second command for targetclid', '%saveconfig'),
  after('percent code', '%0a'),
  after('format', '%s%n'),
  after('pipe', '| reboot'),
  within('single quote', "'"),
  after('double quote', '"'),
  after('backtick', '`reboot`'),
  after('shell', '; $(reboot)'),
  after('SQL', "'; DROP TABLE targets.machines; --"),
  after('backslash', '\\'),
  within('backslash and n', '\\n'),
  after('comma of fileio’s options', ',fd_dev_size=1'),
  after('another parameter', ' add_mapped_luns=true'),
  after('template', '${7*7}{{7*7}}'),
  after('JNDI', '${jndi:ldap://127.0.0.1/a}'),
  after('markup', '<script>alert(1)</script>'),
  before('formula of a spreadsheet', '=1+'),
  before('option', '--'),
  whole('two dots', '..'),
  whole('path upwards', '../../../etc/shadow'),
  whole('absolute path', '/etc/shadow'),
  before('path before it', '/dev/../'),
  whole('address of a file', 'file:///etc/shadow'),
  whole('NATS wildcards', '*.>'),
  double('fullwidth', fullwidth, '\uff41'),
  double('Cyrillic', { a: '\u0430', c: '\u0441', e: '\u0435', i: '\u0456', o: '\u043e', p: '\u0440' }, '\u0430'),
  double('long s and Kelvin', { s: '\u017f', k: '\u212a' }, '\u212a'),
  double('digits of another script', { 0: '\u0660', 1: '\u0661', 2: '\u0662', 5: '\u0665' }, '\u0661'),
  within('combining mark', '\u0301'),
  after('NFC', '\u00e9'),
  after('NFD', 'e\u0301'),
  within('override to right-to-left', '\u202e'),
  within('isolate', '\u2066'),
  within('zero width space', '\u200b'),
  within('zero width joiner', '\u200d'),
  within('soft hyphen', '\u00ad'),
  before('byte order mark', '\ufeff'),
  after('no-break space', '\u00a0'),
  after('half a surrogate pair', '\ud800'),
  after('the other half', '\udc00'),
  after('astral', '\u{1f4a3}'),
  after('tag characters', '\u{e0041}\u{e0042}'),
  after('sixty thousand', 'a.'.repeat(30_000)),
];

/** Names that every object has already, or that make it another one. None of them is a field of ours. */
export const PROTOTYPE_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];

/** What must not stand as it is in an answer or a log: controls, line ends of Unicode, and what is invisible or turns the direction. */
export const RAW =
  /[\0-\t\v-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]|[\u0301\uff10-\uff5a\u0430-\u045f]/;
