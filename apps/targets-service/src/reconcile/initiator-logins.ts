import type { EntityManager } from 'typeorm';
import type { EventName, NodeReport } from '#contracts';
import { inOneGo } from '#database';
import { newId } from '#runtime';
import { SYSTEM } from '../access/caller';
import { appendEvent } from '../outbox/outbox';
import { lockTarget, updatingTargets } from '../targets/target.store';

type Login = NodeReport['sessions'][number];

const key = (login: Login): string => `${login.target_id} ${login.initiator_iqn}`;

/** Who is logged in now and was not at the last report, and the other way round. */
export const changedLogins = (before: Login[], now: Login[]): { connected: Login[]; disconnected: Login[] } => {
  const had = new Set(before.map(key));
  const has = new Set(now.map(key));
  return { connected: now.filter((login) => !had.has(key(login))), disconnected: before.filter((login) => !has.has(key(login))) };
};

/** Tells of logins as the node saw them; one that begins and ends between two reports is not seen. */
export const announceLogins = async (tx: EntityManager, nodeId: string, before: Login[], now: Login[]): Promise<void> => {
  const { connected, disconnected } = changedLogins(before, now);
  for (const login of connected) await announce(tx, 'initiator.connected', nodeId, login);
  for (const login of disconnected) await announce(tx, 'initiator.disconnected', nodeId, login);
};

/** Its sequence is the target's version: what happens to one target has one order. */
const announce = async (
  tx: EntityManager,
  name: Extract<EventName, `initiator.${string}`>,
  nodeId: string,
  { target_id, initiator_iqn, address }: Login,
): Promise<void> => {
  const target = await lockTarget(tx, target_id);
  if (!target) return;
  target.version++;
  await inOneGo(tx, [updatingTargets([target])]);
  const data = { target_id, machine_id: target.machine_id, node_id: nodeId, initiator_iqn, address };
  await appendEvent(tx, name, target_id, target.version, data, { ...SYSTEM, requestId: newId() });
};
