import { closeSync, existsSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEntry, ImageResponse, MachineResponse, Page, TargetResponse, TargetStatusResponse } from '#contracts';
import { InitiatorFailed, holdLogin, inquire, qemuIo } from '#embedded';
import { connectBus, readEvents, type StoredEvent } from '#messaging';
import { createLog, sleep } from '#runtime';
import { GatewayClient, Unexpected } from './gateway-client';
import type { Spindle } from './start-spindle';

const IMAGE_BYTES = 64 * 1024 * 1024;
const STRANGER = 'iqn.2025-01.io.spindle:m-stranger';
/** Below 25 s, the most that the gateway waits. */
const WAIT = { prefer: 'wait=20' };

type Step = <T>(what: string, work: () => Promise<{ shown?: string | string[]; value: T }>) => Promise<T>;

/**
 * The main job, once, as users would do it: each step says what it saw.
 * @throws Error at the first step that was not as promised.
 */
export const takeTour = async (spindle: Spindle, step: Step): Promise<void> => {
  const gateway = new GatewayClient(spindle.endpoints.http_url);
  await step('log in as admin through HTTP', async () => {
    await gateway.login(spindle.endpoints.username, spindle.endpoints.password);
    return { value: undefined };
  });
  const image = await registerImage(spindle, gateway, step);
  const machine = await registerMachine(gateway, step);
  const events = await listen(spindle);
  try {
    const target = await createTarget(gateway, machine, image, step);
    await useTarget(spindle, gateway, machine, target, step);
    await showTrail(gateway, target, events.seen, step);
  } finally {
    await events.stop();
  }
};

const registerImage = (spindle: Spindle, gateway: GatewayClient, step: Step): Promise<ImageResponse> =>
  step('register a sample disk image', async () => {
    const file = join(spindle.endpoints.image_root, 'sample.img');
    if (!existsSync(file)) {
      const handle = openSync(file, 'wx', 0o600);
      ftruncateSync(handle, IMAGE_BYTES);
      closeSync(handle);
      spindle.lab.ownImages();
    }
    const known = await gateway.send<Page<ImageResponse>>('GET', '/images?name=sample');
    const image = known.items[0] ?? (await gateway.send<ImageResponse>('POST', '/images', { name: 'sample', file: 'sample.img' }));
    return { value: image, shown: `${image.name}: ${image.file}, ${image.size_bytes} bytes, id ${image.id}` };
  });

const registerMachine = (gateway: GatewayClient, step: Step): Promise<MachineResponse> =>
  step('register a machine', async () => {
    const known = await gateway.send<Page<MachineResponse>>('GET', '/machines?name=pc-1');
    const asked = { name: 'pc-1', mac_address: '52:54:00:00:00:01' };
    const machine = known.items[0] ?? (await gateway.send<MachineResponse>('POST', '/machines', asked));
    return { value: machine, shown: `${machine.name}: ${machine.mac_address} logs in as ${machine.initiator_iqn}` };
  });

const createTarget = async (
  gateway: GatewayClient,
  machine: MachineResponse,
  image: ImageResponse,
  step: Step,
): Promise<TargetResponse> => {
  const old = await gateway.send<TargetResponse>('GET', `/targets/machine/${machine.id}`).catch(() => undefined);
  if (old && old.status !== 'INACTIVE')
    await step('delete the target of the run before', async () => {
      const deleted = await gateway.send<TargetResponse>('DELETE', `/targets/${old.id}`, undefined, WAIT);
      if (deleted.status !== 'INACTIVE') throw new Error(`it is ${deleted.status}: ${deleted.last_error?.message ?? ''}`);
      return { value: undefined };
    });
  return step('create a target for the machine', async () => {
    const target = await gateway.send<TargetResponse>('POST', '/targets', { machine_id: machine.id, image_id: image.id }, WAIT);
    if (target.status !== 'ACTIVE') throw new Error(`it is ${target.status}: ${target.last_error?.message ?? ''}`);
    return { value: target, shown: `${target.iqn} is ${target.status} on ${target.node_id}` };
  });
};

const useTarget = async (spindle: Spindle, gateway: GatewayClient, machine: MachineResponse, target: TargetResponse, step: Step) => {
  const login = { portal: spindle.lab.portal, iqn: target.iqn, lun: target.lun, initiator: machine.initiator_iqn };
  await step('read the LUN with iscsi-inq, as the machine', async () => {
    const { vendor, product } = await inquire(login);
    return { value: undefined, shown: `vendor ${vendor}, product ${product}` };
  });
  await step('write and read 1 MiB with qemu-io, as the machine', async () => {
    const output = await qemuIo(login, ['write -P 0xab 0 1M', 'read -P 0xab 0 1M']);
    return { value: undefined, shown: output.split('\n').filter((line) => /^(wrote|read) /.test(line)) };
  });
  await step('refuse a stranger', async () => {
    const refusal = await inquire({ ...login, initiator: STRANGER }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(refusal instanceof InitiatorFailed)) throw new Error('the stranger got in');
    return { value: undefined, shown: refusal.output.split('\n')[0] };
  });
  await step('show the live status while the machine is logged in', async () => {
    const held = await holdLogin(login);
    try {
      const status = await gateway.send<TargetStatusResponse>('GET', `/targets/${target.id}/status`);
      const session = status.sessions.find(({ initiator_iqn }) => initiator_iqn === machine.initiator_iqn);
      if (!status.enabled || !session) throw new Error('the session of the machine is not there');
      if (status.drift.length > 0) throw new Error(`the kernel differs: ${JSON.stringify(status.drift)}`);
      return { value: undefined, shown: `enabled, ${session.initiator_iqn} from ${session.address ?? '?'} is ${session.state}` };
    } finally {
      await held.release();
    }
  });
};

const showTrail = async (gateway: GatewayClient, target: TargetResponse, seen: StoredEvent[], step: Step) => {
  const ofTarget = () =>
    seen.map(({ body }) => body as { subject: string; sequence: number; type: string }).filter(({ subject }) => subject === target.id);
  await step('the events of the target, as they came over NATS', async () => {
    await until(() => Promise.resolve(ofTarget().some(({ type }) => type.includes('target.created'))), 'target.created did not come');
    return { value: undefined, shown: ofTarget().map(({ sequence, type }) => `${sequence} ${type}`) };
  });
  await step('its audit records', async () => {
    const search = () => gateway.send<Page<AuditEntry>>('GET', `/audit?target_id=${target.id}`);
    await until(
      async () => (await search()).items.some(({ action }) => action === 'target.created'),
      'the record of target.created did not come',
    );
    const entries = (await search()).items.reverse();
    return { value: undefined, shown: entries.map(({ seq, actor, action, outcome }) => `${seq} ${actor} ${action} ${outcome}`) };
  });
};

const listen = async (spindle: Spindle): Promise<{ seen: StoredEvent[]; stop: () => Promise<void> }> => {
  const { nats_url, nats_user, nats_password } = spindle.endpoints;
  const bus = await connectBus(
    'quickstart',
    { NATS_URL: nats_url, NATS_USER: nats_user, NATS_PASSWORD: nats_password },
    createLog('quickstart', 'silent'),
  );
  const { events, stop } = await readEvents(bus);
  const seen: StoredEvent[] = [];
  const reading = (async () => {
    for await (const event of events) seen.push(event);
  })();
  return {
    seen,
    stop: async () => {
      stop();
      await reading;
      await bus.close();
    },
  };
};

const until = async (check: () => Promise<boolean>, otherwise: string): Promise<void> => {
  for (let left = 100; left > 0; left--) {
    if (await check().catch((error: unknown) => rethrowUnlessAway(error))) return;
    await sleep(100);
  }
  throw new Error(otherwise);
};

const rethrowUnlessAway = (error: unknown): false => {
  if (error instanceof Unexpected && error.status === 503) return false;
  throw error;
};
