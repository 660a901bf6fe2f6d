import type { EntityManager } from 'typeorm';
import { Refused, type ChapMode, type CreateTarget, type InputOf } from '#contracts';
import { inOneGo } from '#database';
import { crashPoint, newId } from '#runtime';
import type { Caller } from '../access/caller';
import type { Image } from '../inventory/image.entity';
import { imageOf, lockingImages } from '../inventory/image.store';
import type { Machine } from '../inventory/machine.entity';
import { lockingMachines } from '../inventory/machine.store';
import { readingPlaces, type Place } from '../inventory/node.store';
import type { BootSession } from '../inventory/session.entity';
import { findSessions } from '../inventory/session.store';
import type { Parts } from '../parts';
import { CLAIM_MS } from '../reconcile/operation-runner';
import { chooseSecrets, keyOf, modeOf, type Secrets } from '../secrets/chap-secrets';
import { BOOT_LUN } from './adoption';
import { addTargets } from './change-target';
import { newTarget } from './new-target';
import type { Target } from './target.entity';
import { readingLiveExports, type LiveExport } from './target.store';

export interface AskedCreate {
  input: InputOf<typeof CreateTarget>;
  caller: Caller;
}

/** All that a decision on these commands depends on, locked as far as it could change. */
interface Facts {
  machines: Map<string, Machine>;
  images: Map<string, Image>;
  sessions: BootSession[];
  /** Also of the commands before in the same transaction. */
  live: LiveExport[];
  places: Place[];
}

interface Decision {
  target: Target;
  secrets: Secrets | null;
  caller: Caller;
}

/**
 * Records the wishes of several commands in one transaction, one after the other: each sees those before it. Their operations are claimed.
 * @returns for each its target, or why it was refused
 */
export const recordCreates = async (tx: EntityManager, parts: Parts, asked: AskedCreate[]): Promise<(Target | Refused)[]> => {
  crashPoint('targets.transaction-open');
  const facts = await look(tx, asked);
  if (facts.places.length > facts.images.size) await parts.loads.count(tx);
  const decided: Decision[] = [];
  const outcomes = asked.map((one) => {
    try {
      const decision = decide(facts, parts, one);
      facts.live.push(decision.target);
      decided.push(decision);
      return decision.target;
    } catch (error) {
      if (error instanceof Refused) return error;
      throw error;
    }
  });
  if (decided.length === 0) return outcomes;
  const causes = decided.map(({ target, caller }) => ({ target, cause: { ...caller, action: 'targets.create' } }));
  await addTargets(tx, causes, CLAIM_MS);
  for (const { target, secrets } of decided) if (secrets) await parts.chap.keep(tx, target, secrets);
  return outcomes;
};

/** Machines before images, each in order of id: two that lock several do not wait for each other. */
const look = async (tx: EntityManager, asked: AskedCreate[]): Promise<Facts> => {
  const idsOf = (some: AskedCreate[]): string[] => [...new Set(some.map(({ input }) => input.image_id))];
  const toWrite = idsOf(asked.filter(({ input }) => input.read_only === false));
  const all = idsOf(asked);
  const others = all.filter((id) => !toWrite.includes(id));
  const machineIds = asked.map(({ input }) => input.machine_id);
  const [machines, written, shared, places, live] = await inOneGo(tx, [
    lockingMachines(machineIds),
    lockingImages(toWrite, 'update'),
    lockingImages(others, 'share'),
    readingPlaces(all),
    readingLiveExports(
      machineIds,
      all.map((id) => ({ id, exclusive: toWrite.includes(id) })),
    ),
  ]);
  const facts: Facts = {
    machines: new Map((machines as Machine[]).map((machine) => [machine.id, machine])),
    images: new Map([...written!, ...shared!].map(imageOf).map((image) => [image.id, image])),
    live: live as LiveExport[],
    places: places as Place[],
    sessions: await findSessions(
      tx,
      asked.flatMap(({ input }) => input.session_id ?? []),
    ),
  };
  await lookAtWritable(tx, facts, asked, others);
  return facts;
};

/**
 * A writable export excludes every other one of the image; the lock on its row keeps two from being granted at once. That an image is written
 * unless its command says otherwise is known only when it was read.
 */
const lookAtWritable = async (tx: EntityManager, facts: Facts, asked: AskedCreate[], ids: string[]): Promise<void> => {
  const byDefault = ids.filter((id) => asked.some(({ input }) => input.image_id === id && !exportMode(input, facts.images.get(id))));
  if (byDefault.length === 0) return;
  const exclusive = byDefault.map((id) => ({ id, exclusive: true }));
  const [, live] = await inOneGo(tx, [lockingImages(byDefault, 'update'), readingLiveExports([], exclusive)]);
  facts.live.push(...(live as LiveExport[]));
};

/** Whether it is read-only. */
const exportMode = ({ read_only }: AskedCreate['input'], image: Image | undefined): boolean => read_only ?? image?.read_only ?? true;

/** @throws Refused */
const decide = (facts: Facts, parts: Parts, { input, caller }: AskedCreate): Decision => {
  const machine = facts.machines.get(input.machine_id);
  if (!machine) throw new Refused('MACHINE_NOT_FOUND');
  const live = facts.live.find(({ machine_id }) => machine_id === machine.id);
  if (live) throw new Refused('MACHINE_HAS_TARGET', { resourceId: live.id, hint: `It is ${live.status}.` });
  const image = facts.images.get(input.image_id);
  if (!image) throw new Refused('IMAGE_NOT_FOUND');
  if (input.read_only === false && image.read_only) throw new Refused('IMAGE_READ_ONLY');
  const readOnly = exportMode(input, image);
  const inTheWay = facts.live.find(({ image_id, read_only }) => image_id === image.id && !(readOnly && read_only));
  if (inTheWay) throw new Refused('IMAGE_IN_USE', { resourceId: inTheWay.id });
  if (input.session_id) checkSession(facts.sessions, input.session_id, machine.id);
  const node = parts.loads.choose(facts.places.filter(({ image_id, is_home }) => image_id === image.id && (readOnly || is_home)));
  if (!node) throw new Refused('NO_NODE');
  if (node.held_at) throw new Refused('NODE_HELD');
  if (node.cordoned) throw new Refused('NODE_CORDONED');
  const secrets = secretsFor(input, parts.settings.CHAP_DEFAULT);
  if (secrets) keyOf(node.sealing_key);
  const id = newId();
  const known = {
    id,
    iqn: `${parts.settings.ISCSI_TARGET_PREFIX}:${id}`,
    generation: 1,
    session_id: input.session_id ?? null,
    initiator_iqn: input.initiator_iqn ?? machine.initiator_iqn,
    lun: BOOT_LUN,
    read_only: readOnly,
    chap: secrets ? modeOf(secrets) : ('none' as const),
    confirmed: false,
  };
  return { target: newTarget(known, machine, image, node, caller), secrets, caller };
};

const secretsFor = ({ chap }: AskedCreate['input'], usual: ChapMode): Secrets | null => {
  if (chap) return chooseSecrets(chap);
  return usual === 'none' ? null : chooseSecrets({ mutual: usual === 'mutual' });
};

const checkSession = (sessions: BootSession[], id: string, machineId: string): void => {
  const session = sessions.find((one) => one.id === id);
  if (!session) throw new Refused('SESSION_NOT_FOUND');
  if (session.machine_id !== machineId) throw new Refused('SESSION_OF_OTHER_MACHINE');
  if (session.ended_at) throw new Refused('SESSION_ENDED');
};
