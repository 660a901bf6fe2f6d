import { z } from 'zod';
import { listOf, page } from './lists';
import { Id, Iqn, MacAddress, Name, Time } from './names';
import { request } from './request';

export const MachineResponse = z
  .object({
    id: Id,
    name: Name,
    mac_address: z.string(),
    initiator_iqn: Iqn.describe('The name the machine logs in with.'),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'MachineResponse' });
export const MachineListResponse = listOf(MachineResponse).meta({ id: 'MachineListResponse' });

export const MachineCreateRequest = z
  .strictObject({
    name: Name,
    mac_address: MacAddress,
    initiator_iqn: Iqn.optional().describe('By default `<prefix>:m-<MAC, 12 hex digits>`.'),
  })
  .meta({ id: 'MachineCreateRequest' });

const byId = z.strictObject({ id: Id });
const taken = ['MACHINE_NAME_TAKEN', 'MAC_ADDRESS_TAKEN', 'INITIATOR_IQN_TAKEN'] as const;

export const CreateMachine = request({
  subject: 'machines.create',
  kind: 'command',
  summary: 'Register a machine',
  input: MachineCreateRequest,
  output: MachineResponse,
  http: { method: 'POST', path: '/machines', success: [201] },
  errors: [...taken, 'INVALID_NAME', 'INVALID_MAC_ADDRESS', 'INVALID_IQN'],
});

export const ListMachines = request({
  subject: 'machines.list',
  kind: 'query',
  summary: 'List machines, newest first',
  input: z.strictObject({ ...page, name: Name.optional(), mac_address: MacAddress.optional() }),
  output: MachineListResponse,
  http: { method: 'GET', path: '/machines', success: [200] },
  errors: ['INVALID_CURSOR'],
});

export const GetMachine = request({
  subject: 'machines.get',
  kind: 'query',
  summary: 'Get one machine',
  input: byId,
  output: MachineResponse,
  http: { method: 'GET', path: '/machines/{id}', success: [200] },
  errors: ['MACHINE_NOT_FOUND'],
});

export const UpdateMachine = request({
  subject: 'machines.update',
  kind: 'command',
  summary: 'Change a machine; a live target keeps the initiator it was made for',
  input: z.strictObject({ id: Id, name: Name.optional(), mac_address: MacAddress.optional(), initiator_iqn: Iqn.optional() }),
  output: MachineResponse,
  http: { method: 'PATCH', path: '/machines/{id}', success: [200] },
  errors: [...taken, 'MACHINE_NOT_FOUND'],
});

export const DeleteMachine = request({
  subject: 'machines.delete',
  kind: 'command',
  summary: 'Forget a machine that has no live target and no open session',
  input: byId,
  output: MachineResponse,
  http: { method: 'DELETE', path: '/machines/{id}', success: [200] },
  errors: ['MACHINE_NOT_FOUND', 'MACHINE_IN_USE'],
});

export type MachineResponse = z.infer<typeof MachineResponse>;
