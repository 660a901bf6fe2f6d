import type { EntityManager } from 'typeorm';
import { Refused } from '#contracts';

/** A command's key as its caller sent it; keys of different users do not meet. */
export interface CommandKey {
  actor: string;
  key: string;
  /** Keyed hash of action and input. */
  fingerprint: string;
}

/** A key in the hands of one attempt. Whoever comes later has a higher one, and from then on this one changes nothing any more. */
export interface HeldKey extends CommandKey {
  attempt: number;
}

export type Claim =
  | { state: 'running' }
  | { state: 'other-command' }
  | { state: 'answered'; answer: unknown }
  /** Ours: new, or begun and left by whoever held it, with a target if one was changed. */
  | { state: 'held'; key: HeldKey; targetId: string | null };

interface Row {
  fingerprint: string;
  attempt: number;
  held: boolean;
  target_id: string | null;
  answer: unknown;
}

/**
 * Takes the key for one attempt. An expired one is forgotten first.
 * @param holdMs a holder that does not renew it in time has lost it
 */
export const claimKey = async (tx: EntityManager, key: CommandKey, holdMs: number, keepHours: number): Promise<Claim> => {
  await tx.query('DELETE FROM targets.idempotency_keys WHERE actor = $1 AND key = $2 AND expires_at < now()', [key.actor, key.key]);
  const made = await tx.query<unknown[]>(
    `INSERT INTO targets.idempotency_keys (actor, key, fingerprint, held_until, expires_at)
     VALUES ($1, $2, $3, now() + make_interval(secs => $4), now() + make_interval(hours => $5))
     ON CONFLICT DO NOTHING RETURNING 1`,
    [key.actor, key.key, key.fingerprint, holdMs / 1_000, keepHours],
  );
  if (made.length > 0) return { state: 'held', key: { ...key, attempt: 1 }, targetId: null };
  const [row] = await tx.query<Row[]>(
    `SELECT fingerprint, attempt, held_until > now() AS held, target_id, answer FROM targets.idempotency_keys
     WHERE actor = $1 AND key = $2 FOR UPDATE`,
    [key.actor, key.key],
  );
  if (!row) return { state: 'running' };
  if (row.fingerprint !== key.fingerprint) return { state: 'other-command' };
  if (row.answer !== null) return { state: 'answered', answer: row.answer };
  if (row.held) return { state: 'running' };
  const held = { ...key, attempt: row.attempt + 1 };
  await tx.query(
    `UPDATE targets.idempotency_keys SET attempt = $3, held_until = now() + make_interval(secs => $4) WHERE actor = $1 AND key = $2`,
    [held.actor, held.key, held.attempt, holdMs / 1_000],
  );
  return { state: 'held', key: held, targetId: row.target_id };
};

const HELD = 'actor = $1 AND key = $2 AND attempt = $3';
const named = ({ actor, key, attempt }: HeldKey): unknown[] => [actor, key, attempt];

/**
 * In the transaction of the change: from then on a retry resumes this target's operation instead of beginning one.
 * @throws Refused IDEMPOTENCY_KEY_RUNNING, and so undoes the change, when another attempt has the key by now
 */
export const linkKey = (tx: EntityManager, key: HeldKey, targetId: string): Promise<void> =>
  change(tx, `UPDATE targets.idempotency_keys SET target_id = $4 WHERE ${HELD}`, [...named(key), targetId]);

/**
 * What every later use of the key is answered with.
 * @throws Refused IDEMPOTENCY_KEY_RUNNING when another attempt has the key by now
 */
export const answerKey = (tx: EntityManager, key: HeldKey, answer: unknown): Promise<void> =>
  change(tx, `UPDATE targets.idempotency_keys SET answer = $4, held_until = now() WHERE ${HELD}`, [...named(key), JSON.stringify(answer)]);

const change = async (tx: EntityManager, text: string, values: unknown[]): Promise<void> => {
  const [, changed] = await tx.query<[unknown[], number]>(text, values);
  if (changed === 0) throw new Refused('IDEMPOTENCY_KEY_RUNNING');
};

/** Whoever has a key that is not answered keeps it for another while. */
export const holdKey = (tx: EntityManager, key: HeldKey, holdMs: number): Promise<unknown> =>
  tx.query(
    `UPDATE targets.idempotency_keys SET held_until = now() + make_interval(secs => $4)
     WHERE ${HELD} AND answer IS NULL AND held_until > now()`,
    [...named(key), holdMs / 1_000],
  );

/** Nothing is final yet: the next use of the key may go on at once. */
export const releaseKey = (tx: EntityManager, key: HeldKey): Promise<unknown> =>
  tx.query(`UPDATE targets.idempotency_keys SET held_until = now() WHERE ${HELD}`, named(key));

/** The command was refused, so the key names nothing that stands. */
export const dropKey = (tx: EntityManager, key: HeldKey): Promise<unknown> =>
  tx.query(`DELETE FROM targets.idempotency_keys WHERE ${HELD} AND answer IS NULL`, named(key));

export const pruneKeys = (tx: EntityManager): Promise<unknown> => tx.query('DELETE FROM targets.idempotency_keys WHERE expires_at < now()');
