import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { inquire, projectRoot } from '#embedded';
import type { DesiredTarget, Seen } from '../../apps/storage-node-executor/src/lio/target-state';
import { planAbsent, planPresent, type Step } from '../../apps/storage-node-executor/src/plan-target';
import { KernelModel } from '../chaos/kernel-model';
import { IMAGE_BYTES, PREFIX, StorageNode } from './storage-node';

jest.setTimeout(60_000);

const DRIVER = join(projectRoot(), 'dist/test/lio/adapter-driver.js');

let node: StorageNode;
beforeAll(async () => {
  const source = readFileSync(join(__dirname, 'adapter-driver.ts'), 'utf8');
  const { outputText } = transpileModule(source, { compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2023 } });
  mkdirSync(dirname(DRIVER), { recursive: true });
  writeFileSync(DRIVER, outputText);
  node = await StorageNode.start();
  await node.lab.stopExecutor();
});
afterAll(() => node?.stop());

type Call = [method: string, ...given: unknown[]];

/** What each call came to; an error as its name, code and step. */
const callBy =
  (engine: 'targetcli' | 'configfs') =>
  async (...calls: Call[]): Promise<{ outcomes: unknown[]; started: number }> =>
    JSON.parse(await node.sh(`${process.execPath} ${DRIVER} '${JSON.stringify(calls)}' ${engine}`)) as {
      outcomes: unknown[];
      started: number;
    };

/** What the model knows of; attributes only where they decide who gets in. */
const modelled = ({ target, backstore }: Seen) => ({
  target: target && {
    enabled: target.enabled,
    portals: target.portals,
    luns: target.luns,
    acls: target.acls.map(({ initiatorIqn, luns }) => ({ initiatorIqn, luns })),
    otherTpgs: target.otherTpgs,
    closed: !target.enabled || target.attributes['generate_node_acls'] === '0',
  },
  backstore: backstore && {
    configured: backstore.configured,
    file: backstore.file,
    serial: backstore.serial,
    writeThrough: backstore.writeThrough,
    exported: backstore.exported,
  },
});

describe.each(['targetcli', 'configfs'] as const)('by %s', (engine) => {
  const call = callBy(engine);

  test('a target made step by step is the same as one made whole', async () => {
    const image = node.image();
    const [iqn, initiator, backstore] = [`${PREFIX}:by-step`, `${PREFIX}:m-by-step`, `spindle-${image.id}`];

    const { outcomes, started } = await call(
      ['createFileioBackstore', backstore, `/data/images/${image.file}`, IMAGE_BYTES, image.id],
      ['createIscsiTarget', iqn],
      ['setTpgAttributes', iqn, { authentication: '0', demo_mode_discovery: '0' }],
      ['createLun', iqn, 0, backstore],
      ['createAcl', iqn, initiator],
      ['mapLun', iqn, initiator, 0, 0, false],
      ['createTargetPortal', iqn, { address: '10.0.2.15', port: 3260 }],
      ['getTargetStatus', iqn, backstore],
      ['enableTargetPortal', iqn],
      [
        'createCompleteTarget',
        {
          iqn,
          initiator_iqn: initiator,
          lun: 0,
          disk: { disk_id: image.id, image_file: image.file, size_bytes: IMAGE_BYTES, read_only: false },
        },
      ],
      ['listTargets'],
      ['saveConfig', []],
    );

    expect(outcomes.slice(0, 7)).toEqual(Array(7).fill('done'));
    expect(outcomes[7]).toMatchObject({ target: { enabled: false }, backstore: { serial: image.id, writeThrough: true, exported: true } });
    expect(outcomes[9]).toEqual({ steps: 0 });
    expect(outcomes[10]).toMatchObject([{ iqn, enabled: true, acls: [{ initiatorIqn: initiator, luns: [{ lun: 0, readOnly: false }] }] }]);
    expect(await node.sh('cat /etc/rtslib-fb-target/saveconfig.json')).toContain(iqn);
    expect(started).toBe(1);
    await expect(inquire({ portal: node.lab.portal, iqn, initiator })).resolves.toMatchObject({ vendor: 'LIO-ORG' });
    expect((await call(['deleteTarget', iqn, backstore])).outcomes).toEqual([{ steps: 3 }]);
  });

  test('a machine’s target has its names, and goes by the machine’s id alone', async () => {
    const image = node.image();
    const disk = { disk_id: image.id, image_file: image.file, size_bytes: IMAGE_BYTES, read_only: true };

    const made = await call(['createTargetForMachine', 'pc-7', disk]);
    const shown = await inquire({ portal: node.lab.portal, iqn: `${PREFIX}:pc-7`, initiator: `${PREFIX}:m-pc-7` });
    const deleted = await call(['deleteTargetForMachine', 'pc-7'], ['listTargets']);

    expect(made.outcomes).toEqual([{ steps: 9 }]);
    expect(shown.vendor).toBe('LIO-ORG');
    expect(deleted.outcomes).toEqual([{ steps: 3 }, []]);
  });

  test('a target is deleted and made again in one burst, as often as one likes', async () => {
    const image = node.image();
    const disk = { disk_id: image.id, image_file: image.file, size_bytes: IMAGE_BYTES, read_only: false };
    const round: Call[] = [
      ['createTargetForMachine', 'again', disk],
      ['deleteTargetForMachine', 'again'],
    ];

    const { outcomes } = await call(...round, ...round, ['createTargetForMachine', 'other', disk], ...round, [
      'deleteTargetForMachine',
      'other',
    ]);

    expect(outcomes.slice(0, 5)).toEqual([{ steps: 9 }, { steps: 3 }, { steps: 9 }, { steps: 3 }, { steps: 9 }]);
    // made on the disk that the other one has, which keeps it
    expect(outcomes.slice(5)).toEqual([{ steps: 7 }, { steps: 3 }, { steps: 3 }]);
  });

  test('each method says by code why it was refused', async () => {
    const image = node.image();
    const { outcomes } = await call(
      ['createFileioBackstore', `spindle-${image.id}`, '/data/images/nowhere.img', IMAGE_BYTES, image.id],
      ['createLun', `${PREFIX}:nobody`, 0, `spindle-${image.id}`],
      ['enableTargetPortal', `${PREFIX}:nobody`],
      ['createIscsiTarget', `${PREFIX}:twice`],
      ['createIscsiTarget', `${PREFIX}:twice`],
      ['createAcl', `${PREFIX}:twice`, 'iqn.2025-01.io.spindle:x\n/iscsi delete'],
      ['deleteTarget', `${PREFIX}:twice`, null],
    );

    expect(outcomes).toEqual([
      { name: 'TargetCLIError', code: 'BACKING_FILE_UNUSABLE', step: 'create-backstore' },
      { name: 'TargetCLIError', code: 'TARGETCLI_FAILED', step: 'create-lun' },
      { name: 'TargetCLIError', code: 'TARGETCLI_FAILED', step: 'enable-tpg' },
      'done',
      { name: 'TargetCLIError', code: 'FOREIGN_OBJECT', step: 'create-target' },
      { name: 'UnsafeName' },
      { steps: 1 },
    ]);
  });

  test('without the node’s lease no line is sent, and nothing is started', async () => {
    const image = node.image();
    const disk = { disk_id: image.id, image_file: image.file, size_bytes: IMAGE_BYTES, read_only: false };

    const { outcomes, started } = await call(
      ['lease', 0],
      ['createTargetForMachine', 'leaseless', disk],
      ['createIscsiTarget', `${PREFIX}:leaseless`],
      ['saveConfig', []],
      ['listTargets'],
    );

    const refused = expect.objectContaining({ name: 'Refused', code: 'NODE_BUSY' }) as unknown;
    expect(outcomes).toEqual(['done', refused, refused, refused, []]);
    expect(started).toBe(0);
  });

  test('the kernel comes to what the model of the simulation says, step by step', async () => {
    const image = node.image();
    const desired: DesiredTarget = {
      iqn: `${PREFIX}:modelled`,
      initiatorIqn: `${PREFIX}:m-modelled`,
      lun: 0,
      readOnly: true,
      portal: { address: '10.0.2.15', port: 3260 },
      backstore: `spindle-${image.id}`,
      file: `/data/images/${image.file}`,
      sizeBytes: IMAGE_BYTES,
      serial: image.id,
      chap: null,
    };
    const model = new KernelModel();
    const look = () => modelled(structuredClone(model.see(desired.iqn, desired.backstore)));
    const steps: Step[] = [];
    const expected: unknown[] = [];
    const play = (plan: { do: Step }[]) => {
      for (const { do: step } of plan) {
        model.apply(step);
        steps.push(step);
        expected.push(look());
      }
    };
    play(planPresent(desired, { target: null, backstore: null }));
    play(planAbsent(desired, model.see(desired.iqn, desired.backstore)));

    const { outcomes } = await call(
      ...steps.flatMap((step): Call[] => [
        ['perform', step],
        ['getTargetStatus', desired.iqn, desired.backstore],
      ]),
    );

    const seen = outcomes.filter((_, at) => at % 2 === 1).map((found) => modelled(found as Seen));
    expect(seen).toEqual(expected);
    expect(steps).toHaveLength(12);
  });
});

describe('targetcli as we use it', () => {
  const call = callBy('targetcli');

  test('targetcli takes our preferences as its own, and none of them acts by itself', async () => {
    await call(['listTargets'], ['createIscsiTarget', `${PREFIX}:prefs`], ['deleteTarget', `${PREFIX}:prefs`, null]);

    const read = await node.sh(
      `python3 -c "import pickle, json; print(json.dumps(pickle.load(open('/run/adapter-driver/prefs.bin', 'rb'))))"`,
    );

    const preferences = JSON.parse(read) as Record<string, unknown>;
    expect(Object.keys(preferences).filter((name) => name.startsWith('auto_') && preferences[name] !== false)).toEqual([]);
    expect(preferences).toMatchObject({ color_mode: false, logfile: '/dev/null', loglevel_file: 'critical', max_backup_files: '10' });
    expect(await node.sh('stat -c %a /run/adapter-driver')).toBe('700');
    expect(await node.sh('ls /run/adapter-driver')).not.toContain('log.txt');
  });

  test('a target that was made past it since it began is deleted all the same', async () => {
    const iqn = `${PREFIX}:by-hand`;
    const { outcomes, started } = await call(
      ['createIscsiTarget', `${PREFIX}:first`],
      ['by-hand', `/sys/kernel/config/target/iscsi/${iqn}/tpgt_1/acls/${PREFIX}:m`],
      ['deleteTarget', iqn, null],
      ['deleteTarget', `${PREFIX}:first`, null],
      ['listTargets'],
    );

    expect(outcomes).toEqual(['done', 'done', { steps: 1 }, { steps: 1 }, []]);
    expect(started).toBe(1);
  });

  test('a burst hands the lock over to an administrator who waits for it', async () => {
    const images = [1, 2, 3, 4, 5, 6].map(() => node.image());
    const disks = images.map(({ id, file }) => ({ disk_id: id, image_file: file, size_bytes: IMAGE_BYTES, read_only: false }));
    const calls = disks.map((disk, i): Call => ['createTargetForMachine', `burst-${i}`, disk]);

    const burst = call(...calls, ['listTargets']);
    // waits for the lock as targetcli does, and tells how many targets there were when it got it
    const seen = node.sh(
      'while [ ! -d /sys/kernel/config/target/iscsi/*burst-0 ]; do sleep 0.05; done; flock /run/targetcli.lock sh -c "ls -d /sys/kernel/config/target/iscsi/*burst-* | wc -l"',
    );

    const { outcomes, started } = await burst;
    expect(outcomes.slice(0, 6)).toEqual(Array(6).fill({ steps: 9 }));
    expect(Number(await seen)).toBeLessThan(6);
    expect(started).toBe(2);
  });
});
