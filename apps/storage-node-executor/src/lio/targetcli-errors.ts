import { errorFacts, type ErrorCode } from '#contracts';

/** Kinds of refusal that targetcli, configshell and rtslib tell apart by their texts alone: they have no codes. */
export type FaultKind =
  | 'exists'
  | 'not-found'
  | 'create-failed'
  | 'bad-name'
  | 'file'
  | 'no-space'
  | 'syntax'
  | 'rejected'
  | 'busy'
  | 'not-root'
  | 'kernel-missing'
  | 'dbus'
  | 'prefs'
  | 'broken-tree'
  | 'timeout'
  | 'not-started'
  | 'ended'
  | 'flood'
  | 'wedged'
  | 'no-effect'
  | 'unknown';

/** In this order: the first that matches decides. Texts of targetcli 2.1.53, configshell 1.1.28 and rtslib 2.1.75; 3.0 has the same. */
const TEXTS: readonly [FaultKind, RegExp][] = [
  ['exists', /already exists|Storage object \S+ exists|exist,? not restoring|already mapped to this NodeACL/],
  [
    'not-found',
    /No such path \/|No such \w+ in configfs|No storage object named|Invalid LUN|LUN \S+ does not exist|storage object(, or| or) path not valid|does not exist in configFS|Storage object \S+ not found/i,
  ],
  ['create-failed', /Could not create \w+ in configFS/],
  ['bad-name', /WWN not valid as/],
  ['no-space', /Could not expand file|file size is too large|\[Errno (27|28)\]/],
  [
    'syntax',
    /Command not found|Missing required parameter|Unexpected keyword parameter|Duplicate parameter|positionnal parameters|Syntax error|Unknown (configuration group|parameter)|Not setting |is read-only|must be (an integer|a number|\d+ to)|Invalid port|invalid literal for int|Cannot interpret size/,
  ],
  ['rejected', /Cannot (set|find) (attribute|parameter)|Cannot change enable state|could not be enabled|\[Errno (22|95)\]/],
  ['busy', /\[Errno (16|39)\]/],
  ['not-root', /opening lockfile failed|privileged command is disabled|Retry as root|Must run as root/],
  ['dbus', /g-io-error-quark|g-dbus-error/],
  ['kernel-missing', /Cannot mount configfs|Could not create RTSRoot|modprobe|Could not load module|Cannot set dbroot/],
  ['prefs', /EOFError: Ran out of input|UnpicklingError/],
  [
    'file',
    /Could not open |exists but is not a file|Attempting to create file|Path not to a file|is not a TYPE_DISK|is already in use|FileNotFoundError|\[Errno (2|5|13|21|30)\]/,
  ],
  ['broken-tree', /from an unconfigured StorageObject|BROKEN (STORAGE|LUN) LINK|OSError/],
];

/** @param text what one command wrote to stderr, or what a start that failed wrote. */
export const faultKind = (text: string): FaultKind => TEXTS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'unknown';

const CODES: Record<FaultKind, ErrorCode> = {
  exists: 'FOREIGN_OBJECT',
  'not-found': 'TARGETCLI_FAILED',
  'create-failed': 'KERNEL_REFUSED',
  'bad-name': 'TARGETCLI_FAILED',
  file: 'BACKING_FILE_UNUSABLE',
  'no-space': 'BACKING_FILE_UNUSABLE',
  syntax: 'TARGETCLI_FAILED',
  rejected: 'KERNEL_REFUSED',
  busy: 'KERNEL_REFUSED',
  'not-root': 'TARGETCLI_MISSING',
  'kernel-missing': 'TARGETCLI_MISSING',
  dbus: 'TARGETCLI_MISSING',
  prefs: 'TARGETCLI_MISSING',
  'broken-tree': 'TARGETCLI_FAILED',
  timeout: 'TARGETCLI_TIMEOUT',
  'not-started': 'TARGETCLI_MISSING',
  ended: 'TARGETCLI_FAILED',
  flood: 'TARGETCLI_FAILED',
  wedged: 'NODE_WEDGED',
  'no-effect': 'READ_BACK_MISMATCH',
  unknown: 'TARGETCLI_FAILED',
};

/**
 * rtslib hides the errno of a refused mkdir: for a portal the cause is nearly always an address that something else holds
 * (another program, or a wildcard address of another target), and only the kernel log has it.
 */
export const faultCode = (kind: FaultKind, step: string): ErrorCode => {
  if (kind === 'create-failed' && step === 'create-portal') return 'PORTAL_IN_USE';
  // fileio opens its file while rtslib sets the device up, and shows no more than "could not create"
  if (step === 'create-backstore' && (kind === 'create-failed' || kind === 'rejected' || kind === 'busy')) return 'BACKING_FILE_UNUSABLE';
  return CODES[kind];
};

/** A step that targetcli, or the kernel behind it, did not do. */
export class TargetCLIError extends Error {
  readonly code: ErrorCode;

  /**
   * @param inner what targetcli said: for the node's own log, as `cause`; it never leaves the node.
   * @param hint safe words for the reply: names of LIO objects, nothing else.
   */
  constructor(
    readonly kind: FaultKind,
    readonly step: string,
    inner: string,
    readonly hint?: string,
    code?: ErrorCode,
  ) {
    const chosen = code ?? faultCode(kind, step);
    super(hint ? `${hint} ${errorFacts(chosen).advice}` : errorFacts(chosen).advice, { cause: inner });
    this.name = 'TargetCLIError';
    this.code = chosen;
  }

  /** The same fault, with what was found out about it. */
  explained(code: ErrorCode, hint?: string): TargetCLIError {
    return new TargetCLIError(this.kind, this.step, String(this.cause), hint, code);
  }
}
