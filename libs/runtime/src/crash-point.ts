import { writeSync } from 'node:fs';

/**
 * Every place at which the fault harness (test/chaos) can kill a process, in the order in which a command passes them.
 * Each stands right behind what its name says.
 */
export const CRASH_POINTS = [
  'gateway.request-sent',
  'gateway.reply-received',
  'gateway.replied',

  'targets.command-received',
  'targets.command-validated',
  'targets.key-taken',
  'targets.transaction-open',
  'targets.row-written',
  'targets.secrets-written',
  'targets.event-written',
  'targets.audit-written',
  'targets.key-linked',
  'targets.committed',
  'targets.node-answered',
  'targets.result-committed',
  'targets.answer-stored',

  'relay.rows-read',
  'relay.published',
  'relay.stored',
  'relay.batch-stored',
  'relay.batch-marked',

  'executor.command-received',
  'executor.observed',
  'executor.intent-journalled',
  'executor.create-backstore',
  'executor.set-backstore-attributes',
  'executor.set-access-state',
  'executor.create-target',
  'executor.set-tpg-attributes',
  'executor.set-tpg-parameters',
  'executor.create-lun',
  'executor.create-acl',
  'executor.untag-acl',
  'executor.clear-acl-secrets',
  'executor.set-acl-secrets',
  'executor.set-acl-attributes',
  'executor.map-lun',
  'executor.create-portal',
  'executor.enable-tpg',
  'executor.disable-tpg',
  'executor.unmap-lun',
  'executor.delete-acl',
  'executor.delete-lun',
  'executor.delete-portal',
  'executor.delete-tpg',
  'executor.delete-target',
  'executor.delete-unused-backstore',
  'executor.read-back',
  'executor.step-undone',
  'executor.result-journalled',
  'executor.config-saved',
  'executor.saved-file-verified',
  'executor.journal-forced',

  'audit.event-received',
  'audit.transaction-open',
  'audit.row-inserted',
  'audit.leaf-appended',
  'audit.committed',
  'audit.acked',
  'audit.checkpoint-signed',
  'audit.checkpoint-witnessed',

  'service.before-reply',
  'service.replied',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** `name`, or `name:n` for its n-th passage. @throws Error for a name that is none: a test that kills nobody shows nothing. */
export const parseCrashPoint = (text: string | undefined): { name: CrashPoint; left: number } | undefined => {
  if (!text) return undefined;
  const [, name = '', n = '1'] = /^([a-z.-]+?)(?::([1-9]\d{0,5}))?$/.exec(text) ?? [];
  const known = CRASH_POINTS.find((point) => point === name);
  if (!known) throw new Error(`SPINDLE_CRASH_POINT: there is no crash point ${JSON.stringify(text)}`);
  return { name: known, left: Number(n) };
};

const armed = parseCrashPoint(process.env.SPINDLE_CRASH_POINT);

/** Kills this very process, as the kernel or a power cut would, where SPINDLE_CRASH_POINT says so. Otherwise nothing. */
export const crashPoint = (name: CrashPoint): void => {
  if (armed === undefined) return;
  if (armed.name !== name || --armed.left > 0) return;
  writeSync(2, `crash point ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
};
