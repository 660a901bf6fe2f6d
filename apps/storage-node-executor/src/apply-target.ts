import { Refused, errorFacts, type ApplyReply, type ErrorCode, type TargetWish } from '#contracts';
import type { Logger } from '#runtime';
import { imageRootIsMounted } from './check-node';
import { fileIdentity, settledIdentity, unusableBacking } from './inspect-image';
import type { Journal, JournalEntry } from './journal';
import { CannotOpenSecrets } from './lio/chap-credentials';
import { UnsafeName, backstoreName } from './lio/target-names';
import { desiredTarget, type DesiredTarget, type Seen } from './lio/target-state';
import { TargetCLIError } from './lio/targetcli-errors';
import { ChangeFailed, type TargetcliAdapter } from './lio/targetcli.adapter';
import type { NodeLease } from './node-lease';
import { mustBeRemade, planAbsent, planPresent } from './plan-target';

export interface ApplyParts {
  /** Without it nothing is changed. */
  nodeLease: NodeLease;
  /** IMAGE_ROOT_IS_MOUNT */
  imageRootIsMount: boolean;
  adapter: TargetcliAdapter;
  journal: Journal;
  log: Pick<Logger, 'info' | 'warn'>;
  /** Called when the kernel shows something else than before. */
  changed: () => void;
}

/** A wish that cannot be met as things are, found before anything was touched. */
export class CannotApply extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly step: string,
    readonly hint?: string,
  ) {
    super(code);
  }
}

type Outcome = Pick<ApplyReply, 'outcome' | 'disconnected' | 'error'>;

const done = (disconnected = 0): Outcome => ({ outcome: 'done', disconnected, error: null });

const failed = (code: ErrorCode, step: string, hint?: string, outcome: 'failed' | 'unknown' = 'failed'): Outcome => ({
  outcome,
  disconnected: 0,
  error: { code, step, message: hint ? `${hint} ${errorFacts(code).advice}` : errorFacts(code).advice },
});

/**
 * Brings one target to its wish, if the node is ours: look -> plan -> run -> read back -> report (the middle three in the adapter). Called by the
 * node's queue only, one at a time. The same wish again changes nothing and starts no process.
 * @throws Refused INVALID_IQN, STALE_GENERATION, TARGET_IN_USE, NODE_BUSY or NODE_WEDGED, with nothing changed.
 */
export const applyTarget = async (wish: TargetWish, parts: ApplyParts, requestId?: string): Promise<ApplyReply> => {
  const { journal, log } = parts;
  parts.nodeLease.mustHold();
  // so that no wish can claim or take away what others have named, not even one that says `confirmed`
  if (!wish.iqn.endsWith(`:${wish.target_id}`)) throw new Refused('INVALID_IQN', { hint: 'A target has its id in its name.' });
  const seen = journal.get(wish.target_id);
  if (seen && wish.generation < seen.wish.generation) throw new Refused('STALE_GENERATION');
  const began = performance.now();
  const outcome = await (wish.state === 'present' ? applyPresent(wish, parts) : applyAbsent(wish, parts)).catch((error: unknown) => {
    if (error instanceof CannotApply) return failed(error.code, error.step, error.hint);
    throw error;
  });
  const ms = Math.round(performance.now() - began);
  log.info(
    { request_id: requestId, target_id: wish.target_id, generation: wish.generation, state: wish.state, ...outcome, ms },
    outcome.outcome === 'done' ? 'a wish is met' : 'a wish is not met',
  );
  return { target_id: wish.target_id, generation: wish.generation, ...outcome };
};

const applyPresent = async (wish: TargetWish, parts: ApplyParts): Promise<Outcome> => {
  const { adapter, journal } = parts;
  const desired = desire(wish, parts);
  const check = ownershipOf(wish, desired.backstore, journal);
  const before = adapter.getTargetStatus(desired.iqn, desired.backstore);
  check(before);
  if (planPresent(desired, before).length === 0) {
    journal.settle({ phase: 'present', wish }, true);
    return done();
  }
  const previous = journal.get(wish.target_id);
  for (let tries = 1; ; tries++) {
    const lookedAt = await settledIdentity(desired.file);
    mustBePossible(wish, desired, before, parts);
    const opened = () => {
      if (fileIdentity(desired.file) !== lookedAt)
        throw new TargetCLIError('file', 'create-backstore', 'another file', undefined, 'BACKING_FILE_CHANGED');
    };
    try {
      await adapter.createCompleteTarget(wish, { check, begin: () => journal.begin(wish, true), opened });
      journal.settle({ phase: 'present', wish }, true);
      parts.changed();
      return done();
    } catch (error) {
      if (tries === MOST_OPENINGS || !wasTouched(error)) return settleFailure(error, wish, previous, parts);
      parts.log.info({ target_id: wish.target_id, tries }, 'the image was changed while it was opened: once more');
    }
  }
};

/** A chown or chmod of the whole folder stamps an image just as an exchange does, and is over soon; an attacker is not. */
const MOST_OPENINGS = 3;
const wasTouched = (error: unknown): boolean =>
  error instanceof ChangeFailed && error.undone && error.fault.code === 'BACKING_FILE_CHANGED';

/**
 * Tells how many initiators it logged out: an initiator with several sessions (multipath, or one that the kernel is still winding
 * down) is one, as its ACL shows one. Sessions that no ACL shows, those of a demo mode set by hand, count one by one.
 */
const applyAbsent = async (wish: TargetWish, parts: ApplyParts): Promise<Outcome> => {
  const { adapter, journal } = parts;
  const name = backstoreName(wish.disk.disk_id);
  const backstore = wish.confirmed || journal.ownsBackstore(name) ? name : null;
  const owned = ownershipOf(wish, backstore, journal);
  let disconnected = 0;
  const check = (seen: Seen) => {
    owned(seen);
    const sessions = seen.target ? adapter.tree.sessionCount(wish.iqn) : 0;
    disconnected = seen.target?.sessions.length || sessions;
    if (wish.if_idle && disconnected > 0) throw new Refused('TARGET_IN_USE');
  };
  const before = adapter.getTargetStatus(wish.iqn, backstore);
  check(before);
  const settle = () => journal.settle({ phase: 'absent', wish }, adapter.tree.backstore(name) !== null);
  if (planAbsent({ iqn: wish.iqn, backstore: name }, before).length === 0) {
    settle();
    return done();
  }
  const previous = journal.get(wish.target_id);
  try {
    await adapter.deleteTarget(wish.iqn, backstore, { check, begin: () => journal.begin(wish, false) });
    settle();
    parts.changed();
    return done(disconnected);
  } catch (error) {
    return settleFailure(error, wish, previous, parts);
  }
};

/** Undone: the journal says again what it said before, with the new generation. Otherwise it keeps saying `changing`. */
const settleFailure = (error: unknown, wish: TargetWish, previous: JournalEntry | undefined, parts: ApplyParts): Outcome => {
  if (!(error instanceof ChangeFailed)) throw error;
  const { adapter, journal, log } = parts;
  const { fault, undone } = error;
  log.warn(
    {
      target_id: wish.target_id,
      step: fault.step,
      code: fault.code,
      inner: String(fault.cause),
      undone,
      undo: undone ? undefined : error.cause,
    },
    'a step failed',
  );
  const stopped = fault.code === 'NODE_WEDGED' || fault.code === 'NODE_BUSY';
  if (!undone) return failed(stopped ? fault.code : 'UNDO_FAILED', fault.step, fault.hint, 'unknown');
  // what was there already is somebody else's, whatever the journal said when we began
  const foreign = (step: string) => fault.kind === 'exists' && fault.step === step;
  const stands = adapter.tree.target(wish.iqn) !== null && !foreign('create-target');
  const { generation } = wish;
  journal.settle(
    (stands && previous) || staysWished(wish, previous)
      ? { phase: 'present', wish: { ...(previous?.wish ?? wish), generation } }
      : { phase: 'absent', wish },
    adapter.tree.backstore(backstoreName(wish.disk.disk_id)) !== null && !foreign('create-backstore'),
  );
  return failed(fault.code, fault.step, fault.hint);
};

/**
 * A target that was there by this very wish, and could not be restored or mended, is wished for still: so it shows as missing. A
 * create that failed is not, and neither is a restart: those have told so, and a new wish comes when somebody wants it.
 */
const staysWished = (wish: TargetWish, previous: JournalEntry | undefined): boolean => {
  if (wish.state === 'absent') return false;
  if (!previous) return wish.confirmed;
  if (previous.wish.generation !== wish.generation) return false;
  return previous.phase === 'present' || (previous.phase === 'changing' && wish.confirmed);
};

/** @throws CannotApply for what can be known before anything is touched */
export const mustBePossible = (
  wish: TargetWish,
  desired: DesiredTarget,
  seen: Seen,
  parts: Pick<ApplyParts, 'adapter' | 'journal' | 'imageRootIsMount'>,
): void => {
  refuseSharing(wish, desired, seen, parts);
  if (parts.imageRootIsMount && !imageRootIsMounted(parts.adapter.settings.imageRoot))
    throw new CannotApply('BACKING_FILE_UNUSABLE', 'create-backstore', 'The image folder is not mounted.');
  const unusable = unusableBacking(desired.file, desired.sizeBytes);
  if (unusable) throw new CannotApply(unusable, 'create-backstore');
};

/** @throws Refused NODE_KEY_MISSING, CannotApply */
export const desire = (wish: TargetWish, { adapter }: Pick<ApplyParts, 'adapter'>): DesiredTarget => {
  try {
    return desiredTarget(wish, adapter.settings);
  } catch (error) {
    // sealed anew at the next try, for the key that we report now
    if (error instanceof CannotOpenSecrets) throw new Refused('NODE_KEY_MISSING');
    if (error instanceof UnsafeName)
      throw new CannotApply('BACKING_FILE_UNUSABLE', 'create-backstore', 'A name is too long or has other characters.');
    throw error;
  }
};

/** Decided once, before the journal is written: from then on it would call ours what may not be. */
export const ownershipOf = ({ iqn, confirmed }: TargetWish, backstore: string | null, journal: Journal): ((seen: Seen) => void) => {
  const ours = {
    target: confirmed || journal.ownsTarget(iqn),
    backstore: confirmed || (backstore !== null && journal.ownsBackstore(backstore)),
  };
  return (seen) => {
    if (seen.target && !ours.target) throw new CannotApply('FOREIGN_OBJECT', 'create-target', `There is a target ${iqn}.`);
    if (seen.backstore && !ours.backstore)
      throw new CannotApply('FOREIGN_OBJECT', 'create-backstore', `There is a backstore ${backstore}.`);
  };
};

/**
 * Two writers on one file system destroy it, and a reader beside a writer sees neither state. targets-service keeps them apart;
 * here it is the last gate. A backstore that others show cannot be made anew for this one either.
 */
const refuseSharing = (
  wish: TargetWish,
  desired: DesiredTarget,
  seen: Seen,
  { journal, adapter }: Pick<ApplyParts, 'journal' | 'adapter'>,
): void => {
  const alone = !wish.disk.read_only || mustBeRemade(desired, seen);
  const inTheWay = journal
    .liveOn(wish.disk.disk_id)
    .filter((other) => other.wish.target_id !== wish.target_id && (alone || !other.wish.disk.read_only))
    .some((other) => adapter.tree.hasTarget(other.wish.iqn)); // asked last: there may be a thousand readers
  if (inTheWay) throw new CannotApply('IMAGE_IN_USE', 'create-backstore');
};
