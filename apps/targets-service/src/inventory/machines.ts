import {
  Refused,
  type CreateMachine,
  type DeleteMachine,
  type ErrorCode,
  type GetMachine,
  type InputOf,
  type ListMachines,
  type MachineResponse,
  type Page,
  type UpdateMachine,
} from '#contracts';
import { inDatabase, inTransaction, refuseTaken } from '#database';
import { newId } from '#runtime';
import type { Caller } from '../access/caller';
import type { Parts } from '../parts';
import { hasLiveTarget } from '../targets/target.store';
import { Machine } from './machine.entity';
import * as store from './machine.store';
import { recordChange } from './record-change';
import { hasOpenSession } from './session.store';

const TAKEN: Record<string, ErrorCode> = {
  machines_name: 'MACHINE_NAME_TAKEN',
  machines_mac_address: 'MAC_ADDRESS_TAKEN',
  machines_initiator_iqn: 'INITIATOR_IQN_TAKEN',
};

/** @throws Refused MACHINE_NAME_TAKEN, MAC_ADDRESS_TAKEN, INITIATOR_IQN_TAKEN */
export const createMachine = (parts: Parts, input: InputOf<typeof CreateMachine>, caller: Caller): Promise<MachineResponse> =>
  inTransaction(parts.database, async (tx) => {
    const now = new Date();
    const machine = Object.assign(new Machine(), {
      id: newId(),
      name: input.name,
      mac_address: input.mac_address,
      initiator_iqn: input.initiator_iqn ?? `${parts.settings.ISCSI_TARGET_PREFIX}:m-${input.mac_address.replaceAll(':', '')}`,
      created_at: now,
      updated_at: now,
      deleted_at: null,
    } satisfies Machine);
    await refuseTaken(store.insertMachine(tx, machine), TAKEN);
    const after = store.presentMachine(machine);
    await recordChange(tx, 'machines.create', { type: 'machine', id: machine.id }, caller, { after });
    return after;
  });

export const listMachines = async (parts: Parts, input: InputOf<typeof ListMachines>): Promise<Page<MachineResponse>> => {
  const page = await inDatabase(parts.database, (tx) => store.listMachines(tx, input));
  return { ...page, items: page.items.map(store.presentMachine) };
};

/** @throws Refused MACHINE_NOT_FOUND */
export const getMachine = async (parts: Parts, { id }: InputOf<typeof GetMachine>): Promise<MachineResponse> => {
  const machine = await inDatabase(parts.database, (tx) => store.findMachine(tx, id));
  if (!machine) throw new Refused('MACHINE_NOT_FOUND');
  return store.presentMachine(machine);
};

/** @throws Refused MACHINE_NOT_FOUND and as for create */
export const updateMachine = (parts: Parts, { id, ...change }: InputOf<typeof UpdateMachine>, caller: Caller): Promise<MachineResponse> =>
  inTransaction(parts.database, async (tx) => {
    const machine = await store.lockMachine(tx, id);
    if (!machine) throw new Refused('MACHINE_NOT_FOUND');
    const before = store.presentMachine(machine);
    Object.assign(machine, change, { updated_at: new Date() });
    await refuseTaken(store.updateMachine(tx, machine), TAKEN);
    const after = store.presentMachine(machine);
    await recordChange(tx, 'machines.update', { type: 'machine', id }, caller, { before, after });
    return after;
  });

/** @throws Refused MACHINE_NOT_FOUND, MACHINE_IN_USE */
export const deleteMachine = (parts: Parts, { id }: InputOf<typeof DeleteMachine>, caller: Caller): Promise<MachineResponse> =>
  inTransaction(parts.database, async (tx) => {
    const machine = await store.lockMachine(tx, id);
    if (!machine) throw new Refused('MACHINE_NOT_FOUND');
    if ((await hasLiveTarget(tx, 'machine_id', id)) || (await hasOpenSession(tx, 'machine_id', id))) throw new Refused('MACHINE_IN_USE');
    const before = store.presentMachine(machine);
    await store.updateMachine(tx, { ...machine, deleted_at: new Date() });
    await recordChange(tx, 'machines.delete', { type: 'machine', id }, caller, { before });
    return before;
  });
