import { Refused, type InputOf, type Login, type OutputOf } from '#contracts';
import { inDatabase, inTransaction } from '#database';
import type { RequestContext } from '#messaging';
import { TOKEN_SECONDS, signAccessToken } from '#tokens';
import { findUserByName } from '../inventory/user.store';
import { appendAudit } from '../outbox/outbox';
import type { Parts } from '../parts';
import type { LoginLocks } from './login-locks';
import { passwordIsRight } from './password';

/** Passwords verified at once: each takes 19 MiB and a core. */
const MOST_AT_ONCE = 8;
let atOnce = 0;

/** @throws Refused LOGIN_FAILED, LOGIN_LOCKED, RATE_LIMITED */
export const login = async (
  parts: Parts,
  locks: LoginLocks,
  privateKey: string,
  input: InputOf<typeof Login>,
  context: RequestContext,
): Promise<OutputOf<typeof Login>> => {
  const key = `${context.source} ${input.username.toLowerCase()}`;
  const locked = locks.lockedFor(key, Date.now());
  if (locked > 0) throw new Refused('LOGIN_LOCKED', { retryAfter: Math.ceil(locked / 1_000) });
  const user = await inDatabase(parts.database, (tx) => findUserByName(tx, input.username));
  if (!(await verifyOneOfFew(input.password, user?.password_hash)) || !user) {
    locks.failed(key, Date.now());
    throw new Refused('LOGIN_FAILED');
  }
  locks.succeeded(key);
  await inTransaction(parts.database, (tx) =>
    appendAudit(tx, {
      actor: user.username,
      source: context.source,
      action: 'auth.login',
      resource: { type: 'user', id: user.id },
      outcome: 'allowed',
      code: null,
      requestId: context.requestId,
    }),
  );
  parts.relay.nudge();
  const token = signAccessToken({ sub: user.id, username: user.username, role: user.role, epoch: user.token_epoch }, privateKey);
  return { access_token: token, token_type: 'Bearer', expires_in: TOKEN_SECONDS };
};

const verifyOneOfFew = async (password: string, hash: string | undefined): Promise<boolean> => {
  if (atOnce >= MOST_AT_ONCE) throw new Refused('RATE_LIMITED', { retryAfter: 1 });
  atOnce++;
  try {
    return await passwordIsRight(password, hash);
  } finally {
    atOnce--;
  }
};
