import type { TargetResponse } from '#contracts';
import { inTransaction } from '#database';
import type { Caller } from '../access/caller';
import { appendAudit } from '../outbox/outbox';
import type { Parts } from '../parts';
import { lockTarget } from '../targets/target.store';
import { credentialsOf } from './chap-secrets';

/**
 * The answer to a command that set secrets, with them, and an entry of the trail that says that they were shown: no entry, no secrets. The
 * same command again under its key is shown them again, unless they were changed since: an answer may have been lost on its way.
 */
export const showCredentials = async (parts: Parts, answer: TargetResponse, caller: Caller, action: string): Promise<TargetResponse> => {
  if (answer.chap === 'none') return answer;
  const credentials = await inTransaction(parts.database, async (tx) => {
    const target = await lockTarget(tx, answer.id);
    if (target?.generation !== answer.generation || target.chap === 'none' || target.status === 'INACTIVE') return undefined;
    const secrets = await parts.chap.read(tx, target);
    const marks = {
      secret: parts.chap.mark(secrets.secret),
      mutual_secret: secrets.mutual_secret && parts.chap.mark(secrets.mutual_secret),
    };
    await appendAudit(tx, {
      actor: caller.actor,
      source: caller.source,
      action: 'secrets.shown',
      resource: { type: 'target', id: target.id },
      outcome: 'allowed',
      code: null,
      requestId: caller.requestId,
      after: { by: action, chap: target.chap, version: target.chap_version, ...marks },
    });
    return credentialsOf(target, secrets);
  });
  parts.relay.nudge();
  return credentials ? { ...answer, chap_credentials: credentials } : answer;
};
