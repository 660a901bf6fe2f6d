import type { DataSource } from 'typeorm';
import { Password } from '#contracts';
import { inTransaction } from '#database';
import { BadSettings, isDefaultSecret, newId, readSecretFile } from '#runtime';
import { User } from '../inventory/user.entity';
import { countUsers, insertUser } from '../inventory/user.store';
import { appendAudit } from '../outbox/outbox';
import { SYSTEM } from './caller';
import { hashPassword } from './password';
import type { Settings } from '../config';

/**
 * Makes the first admin when there is no user at all.
 * @throws BadSettings when there is none and ADMIN_PASSWORD_FILE is missing, empty, too short or a default.
 */
export const makeFirstAdmin = async (database: DataSource, settings: Settings): Promise<void> => {
  if ((await countUsers(database.manager)) > 0) return;
  const file = settings.ADMIN_PASSWORD_FILE;
  if (!file) throw new BadSettings(['ADMIN_PASSWORD_FILE: needed for the first admin, there is no user yet']);
  const password = readSecretFile('ADMIN_PASSWORD_FILE', file);
  if (!Password.safeParse(password).success) throw new BadSettings(['ADMIN_PASSWORD_FILE: must hold 12 to 128 characters']);
  if (isDefaultSecret(password)) throw new BadSettings(['ADMIN_PASSWORD_FILE: holds a default password']);
  const passwordHash = await hashPassword(password);
  const now = new Date();
  await inTransaction(database, async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [7_410_002]);
    if ((await countUsers(tx)) > 0) return;
    const user = Object.assign(new User(), {
      id: newId(),
      username: settings.ADMIN_USERNAME,
      password_hash: passwordHash,
      role: 'admin' as const,
      created_at: now,
      updated_at: now,
      deleted_at: null,
      token_epoch: 0,
    });
    await insertUser(tx, user);
    await appendAudit(tx, {
      ...SYSTEM,
      action: 'users.create',
      resource: { type: 'user', id: user.id },
      outcome: 'allowed',
      code: null,
      requestId: 'start',
      after: { username: user.username, role: user.role },
    });
  });
};
