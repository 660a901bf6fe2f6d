import { IsNull, type EntityManager, type FindOptionsWhere } from 'typeorm';
import type { InputOf, ListMachines, MachineResponse, Page } from '#contracts';
import { listPage, type Statement } from '#database';
import { Machine } from './machine.entity';

export const findMachine = (tx: EntityManager, id: string): Promise<Machine | null> => tx.findOneBy(Machine, { id, deleted_at: IsNull() });

/** Held until the transaction ends: whoever makes a target for the machine, or deletes it, goes one after the other. */
export const lockMachine = (tx: EntityManager, id: string): Promise<Machine | null> =>
  tx.findOne(Machine, { where: { id, deleted_at: IsNull() }, lock: { mode: 'pessimistic_write' } });

export const lockingMachines = (ids: string[]): Statement => ({
  name: 'lock-machines',
  text: `SELECT id, name, mac_address, initiator_iqn, created_at, updated_at, deleted_at FROM targets.machines
    WHERE id = ANY($1) AND deleted_at IS NULL ORDER BY id FOR UPDATE`,
  values: [ids],
});

export const lockMachineOfInitiator = (tx: EntityManager, initiatorIqn: string): Promise<Machine | null> =>
  tx.findOne(Machine, { where: { initiator_iqn: initiatorIqn, deleted_at: IsNull() }, lock: { mode: 'pessimistic_write' } });

export const insertMachine = (tx: EntityManager, machine: Machine): Promise<unknown> => tx.insert(Machine, machine);

export const updateMachine = (tx: EntityManager, { id, ...columns }: Machine): Promise<unknown> => tx.update(Machine, { id }, columns);

export const listMachines = (tx: EntityManager, { limit, cursor, ...filters }: InputOf<typeof ListMachines>): Promise<Page<Machine>> => {
  const where: FindOptionsWhere<Machine> = { deleted_at: IsNull() };
  if (filters.name) where.name = filters.name;
  if (filters.mac_address) where.mac_address = filters.mac_address;
  return listPage(tx, Machine, { limit, cursor, filters, where });
};

export const presentMachine = (machine: Machine): MachineResponse => ({
  id: machine.id,
  name: machine.name,
  mac_address: machine.mac_address,
  initiator_iqn: machine.initiator_iqn,
  created_at: machine.created_at.toISOString(),
  updated_at: machine.updated_at.toISOString(),
});
