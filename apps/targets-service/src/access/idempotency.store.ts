import type { EntityManager } from 'typeorm';

/** A command's key as its caller sent it; keys of different users do not meet. */
export interface CommandKey {
  actor: string;
  key: string;
  /** Keyed hash of action and input. */
  fingerprint: string;
}

export type Claim =
  | { state: 'new' }
  | { state: 'running' }
  | { state: 'other-command' }
  | { state: 'answered'; answer: unknown }
  /** Begun, and left by whoever held it. */
  | { state: 'unfinished'; targetId: string | null };

interface Row {
  fingerprint: string;
  held: boolean;
  target_id: string | null;
  answer: unknown;
}

/**
 * Takes the key for one attempt. An expired one is forgotten first.
 * @param holdMs longer than an attempt takes; a holder that dies lets go of it by then
 */
export const claimKey = async (
  tx: EntityManager,
  { actor, key, fingerprint }: CommandKey,
  holdMs: number,
  keepHours: number,
): Promise<Claim> => {
  await tx.query('DELETE FROM targets.idempotency_keys WHERE actor = $1 AND key = $2 AND expires_at < now()', [actor, key]);
  const made = await tx.query<unknown[]>(
    `INSERT INTO targets.idempotency_keys (actor, key, fingerprint, held_until, expires_at)
     VALUES ($1, $2, $3, now() + make_interval(secs => $4), now() + make_interval(hours => $5))
     ON CONFLICT DO NOTHING RETURNING 1`,
    [actor, key, fingerprint, holdMs / 1_000, keepHours],
  );
  if (made.length > 0) return { state: 'new' };
  const [row] = await tx.query<Row[]>(
    `SELECT fingerprint, held_until > now() AS held, target_id, answer FROM targets.idempotency_keys
     WHERE actor = $1 AND key = $2 FOR UPDATE`,
    [actor, key],
  );
  if (!row) return { state: 'running' };
  if (row.fingerprint !== fingerprint) return { state: 'other-command' };
  if (row.answer !== null) return { state: 'answered', answer: row.answer };
  if (row.held) return { state: 'running' };
  await tx.query('UPDATE targets.idempotency_keys SET held_until = now() + make_interval(secs => $3) WHERE actor = $1 AND key = $2', [
    actor,
    key,
    holdMs / 1_000,
  ]);
  return { state: 'unfinished', targetId: row.target_id };
};

/** In the transaction of the change: from then on a retry resumes this target's operation instead of beginning one. */
export const linkKey = (tx: EntityManager, { actor, key }: CommandKey, targetId: string): Promise<unknown> =>
  tx.query('UPDATE targets.idempotency_keys SET target_id = $3 WHERE actor = $1 AND key = $2', [actor, key, targetId]);

/** What every later use of the key is answered with. */
export const answerKey = (tx: EntityManager, { actor, key }: CommandKey, answer: unknown): Promise<unknown> =>
  tx.query('UPDATE targets.idempotency_keys SET answer = $3, held_until = now() WHERE actor = $1 AND key = $2', [
    actor,
    key,
    JSON.stringify(answer),
  ]);

/** Whoever has a key that is not answered keeps it for another while. */
export const holdKey = (tx: EntityManager, { actor, key }: CommandKey, holdMs: number): Promise<unknown> =>
  tx.query(
    `UPDATE targets.idempotency_keys SET held_until = now() + make_interval(secs => $3)
     WHERE actor = $1 AND key = $2 AND answer IS NULL AND held_until > now()`,
    [actor, key, holdMs / 1_000],
  );

/** Nothing is final yet: the next use of the key may go on at once. */
export const releaseKey = (tx: EntityManager, { actor, key }: CommandKey): Promise<unknown> =>
  tx.query('UPDATE targets.idempotency_keys SET held_until = now() WHERE actor = $1 AND key = $2', [actor, key]);

/** The command was refused, so the key names nothing that stands. */
export const dropKey = (tx: EntityManager, { actor, key }: CommandKey): Promise<unknown> =>
  tx.query('DELETE FROM targets.idempotency_keys WHERE actor = $1 AND key = $2 AND answer IS NULL', [actor, key]);

export const pruneKeys = (tx: EntityManager): Promise<unknown> => tx.query('DELETE FROM targets.idempotency_keys WHERE expires_at < now()');
