import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry, NodePlanResponse, NodeResponse, Page, TargetResponse } from '#contracts';
import { qemuIo } from '#embedded';
import { backUp } from '../../apps/all-in-one/src/back-up';
import type { Manifest } from '../../apps/all-in-one/src/backup-manifest';
import { restore } from '../../apps/all-in-one/src/restore';
import { ExportVerifier } from '../../apps/audit-service/src/verify-export';
import { readVerifierKey } from '../../apps/audit-service/src/checkpoint-note';
import { eventually } from '../harness/spindle-for-tests';
import { Claims } from './claims';
import type { Profile, Proof } from './proof';
import { expectedPlan, orphansOf, planFaults, readRows, strayChanges, type Row } from './restore-expected';
import { Site, type Made } from './restore-site';
import { damageFiles, forgeTrail, type Refused } from './restore-tampering';

const SIZES = { short: { targets: 5, clients: 2, heldMs: 3_000 }, long: { targets: 50, clients: 4, heldMs: 30_000 } };
const INTRUDER = 'iqn.2025-01.io.spindle:m-intruder';
const quiet = () => undefined;

interface Drill {
  site: Site;
  claims: Claims;
  size: (typeof SIZES)['short'];
  manifest?: Manifest;
  /** The records as they were when they were lost, and as the backup has them. */
  lost: Map<string, Row>;
  restored: Map<string, Row>;
  orphan?: Made;
  /** The kernel when the control plane was lost. */
  tree: string;
  plan?: NodePlanResponse;
  wishes: number;
}

/** One target after another, each created, restarted and deleted, until told to stop. */
const traffic = async (site: Site, going: () => boolean): Promise<number> => {
  const on = { machine_id: (await site.spindle.machine()).id, image_id: (await site.spindle.image()).id };
  let commands = 0;
  while (going()) {
    const { target } = await site.create('deleted', undefined, on);
    await site.must('POST', `targets/${target.id}/restart`, {});
    await site.must('DELETE', `targets/${target.id}`);
    commands += 3;
  }
  return commands;
};

const backUpUnderTraffic = async (drill: Drill): Promise<void> => {
  const { site, claims, size } = drill;
  await claims.claim('A backup is made while Spindle works, and no command fails by it', async () => {
    let going = true;
    const clients = Array.from({ length: size.clients }, () => traffic(site, () => going));
    await sleep(1_000);
    const began = Date.now();
    try {
      drill.manifest = await backUp({ dataDir: site.dataDir, to: site.backup, say: quiet });
    } finally {
      going = false;
    }
    const seconds = (Date.now() - began) / 1_000;
    const commands = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0);
    const { files, audit } = drill.manifest;
    return `${Object.keys(files).length} files and ${audit.size} audit entries in ${seconds.toFixed(1)} s, ${commands} commands meanwhile`;
  });
};

/** What the backup does not know; then the loss, and what an admin does on the node meanwhile. */
const goOnAndLoseAll = async (drill: Drill, place: { machine_id: string; image_id: string }): Promise<void> => {
  const { site } = drill;
  const of = (kind: Made['kind']) => site.made.filter((made) => made.kind === kind);
  for (const { target } of of('restarted')) await site.must('POST', `targets/${target.id}/restart`, {});
  for (const { target } of of('rotated')) await site.must('POST', `targets/${target.id}/chap/rotate`, {});
  for (const { target } of of('deleted')) await site.must('DELETE', `targets/${target.id}`);
  drill.orphan = await site.create('orphan', undefined, place);
  await site.logIn([...of('same').slice(0, 2), ...of('restarted').slice(0, 2), drill.orphan]);
  drill.lost = await readRows(site.spindle);
  await sleep(1_500); // for a signed head of what the backup has not
  await site.loseControlPlane();
  for (const { target } of of('edited')) await site.sh(`mkdir /sys/kernel/config/target/iscsi/${target.iqn}/tpgt_1/acls/${INTRUDER}`);
  drill.tree = await site.spindle.kernelTree();
};

const mustBeRefused = (tried: Refused[], against: string[]): string => {
  for (const { what, reason, names } of tried) if (!reason.includes(names) || reason.includes('LEFT')) against.push(`${what}: ${reason}`);
  return tried.map(({ what, reason }) => `${what}: "${reason}"`).join('; ');
};

const restoreIt = async (drill: Drill): Promise<void> => {
  const { site, claims, manifest } = drill;
  const scratch = join(site.root, 'scratch');
  const [copy, never] = [join(scratch, 'copy'), join(scratch, 'never')];
  cpSync(site.backup, copy, { recursive: true });
  await claims.claim('A backup that is not as it was written is refused, and the file is named', async (against) => {
    const tried = await damageFiles(copy, never);
    mustBeRefused(tried, against);
    return `${tried.length} of ${tried.length} refused`;
  });
  await claims.claim('A backup with a forged trail is refused though its sums fit, and the entry is named', async (against) =>
    mustBeRefused(await forgeTrail(copy, never, 3), against),
  );
  await claims.claim('What is restored is verified, and only into an empty folder', async (against) => {
    const options = { from: site.backup, collected: site.collected, actor: 'prove', say: quiet };
    mkdirSync(join(scratch, 'full'));
    writeFileSync(join(scratch, 'full/file'), '');
    const refused = await restore({ ...options, dataDir: join(scratch, 'full') }).catch((error: Error) => error.message);
    if (typeof refused !== 'string' || !refused.includes('is not empty')) against.push('it was restored into a folder that was not empty');
    const { entries, compared, beyond } = await restore({ ...options, dataDir: site.restoredDir });
    if (entries < manifest!.audit.size) against.push(`${entries} entries were restored, and ${manifest!.audit.size} exported`);
    if (compared === 0 || beyond === 0) against.push(`${compared} collected heads were compared, ${beyond} known to be of what was lost`);
    const open = readdirSync(site.restoredDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.parentPath.includes('secrets'))
      .filter((entry) => (statSync(join(entry.parentPath, entry.name)).mode & 0o077) !== 0);
    if (open.length > 0) against.push(`others may read ${open.map(({ name }) => name).join()}`);
    return `${entries} entries, ${compared} heads from elsewhere compared, ${beyond} of what came after the backup`;
  });
};

const PLAN = 'nodes/lab-1/plan';
const WAIT = { headers: { prefer: 'wait=20' } };

const lookAtPlan = async (drill: Drill): Promise<void> => {
  const { site, claims, size } = drill;
  await claims.claim(
    'Until the plan is accepted nothing is sent to the node, and its kernel is byte for byte as it was',
    async (against) => {
      await site.startRestored();
      site.spindle.adminBus.subscribe('storage-node.*.apply', { callback: () => void drill.wishes++ });
      drill.plan = await site.must<NodePlanResponse>('GET', PLAN);
      await sleep(size.heldMs);
      const node = (await site.must<Page<NodeResponse>>('GET', 'nodes')).items[0]!;
      if (!node.held || node.status !== 'online') against.push(`the node is ${node.status}${node.held ? '' : ', and not held'}`);
      if (drill.wishes > 0) against.push(`${drill.wishes} wishes were sent`);
      const tree = await site.spindle.kernelTree();
      if (tree !== drill.tree) against.push(`the kernel has changed: ${strayChanges(drill.tree, tree, []).slice(0, 3).join(' ')}`);
      against.push(...(await site.noticed()));
      return `0 wishes in ${size.heldMs / 1_000} s, ${tree.split('\n').length} lines of configfs the same, ${site.loggedIn} sessions the same`;
    },
  );
  await claims.claim('The plan says what is so', async (against) => {
    drill.restored = await readRows(site.spindle);
    const edited = new Set(site.made.filter(({ kind }) => kind === 'edited').map(({ target }) => target.id));
    const expected = expectedPlan(drill.restored, drill.lost, edited);
    against.push(...planFaults(drill.plan!, expected, orphansOf(drill.restored, drill.lost)));
    const { create, change, delete: gone, leave, raise } = drill.plan!.counts;
    return `${create} to create, ${change} to change, ${gone} to delete, ${leave} to leave, ${raise} to raise, ${drill.plan!.adoptable.length} adoptable`;
  });
  await claims.claim('While it is held commands are refused with a code, and the records stay', async (against) => {
    const { spindle, made } = site;
    const id = made[0]!.target.id;
    const other = { machine_id: (await spindle.machine()).id, image_id: made[0]!.target.image_id };
    const operator = await spindle.tokenOf('operator');
    const codes = [
      await spindle.http('POST', `targets/${id}/restart`, {}, WAIT),
      await spindle.http('DELETE', `targets/${id}`, undefined, WAIT),
      await spindle.http('POST', 'targets', { ...other, image_id: (await spindle.sql<{ id: string }>(FREE_IMAGE))[0]!.id }, WAIT),
      await spindle.http('POST', `${PLAN}/accept`, { plan: drill.plan!.plan }, { ...WAIT, token: operator }),
      await spindle.http('POST', `${PLAN}/accept`, { plan: 'another-plan' }, WAIT),
    ].map(({ status, code }) => `${status} ${code}`);
    const wanted = ['503 NODE_HELD', '503 NODE_HELD', '503 NODE_HELD', '403 FORBIDDEN', '409 PLAN_CHANGED'];
    if (codes.join() !== wanted.join()) against.push(codes.join());
    const rows = JSON.stringify([...(await readRows(spindle)).values()]);
    if (rows !== JSON.stringify([...drill.restored.values()])) against.push('records of targets have changed');
    if (drill.wishes > 0) against.push(`${drill.wishes} wishes were sent`);
    return codes.join(', ');
  });
};

const FREE_IMAGE = `SELECT id FROM targets.images WHERE id NOT IN (SELECT image_id FROM targets.targets WHERE status <> 'INACTIVE') LIMIT 1`;

const acceptIt = async (drill: Drill): Promise<void> => {
  const { site, claims } = drill;
  await claims.claim(
    'To accept raises generations with an audit entry each, and the kernel changes where the plan said',
    async (against) => {
      const { spindle } = site;
      const plan = await site.must<NodePlanResponse>('GET', PLAN);
      await site.must('POST', `${PLAN}/accept`, { plan: plan.plan });
      const all = await eventually(
        () => readRows(spindle),
        (rows) => [...rows.values()].every(({ operation }) => operation === null),
        60_000,
      );
      for (const { target_id, raise_to, action } of plan.targets) {
        const row = all.get(target_id)!;
        if (raise_to !== null && row.generation !== raise_to)
          against.push(`${target_id} has generation ${row.generation}, not ${raise_to}`);
        if (row.status !== (action === 'delete' ? 'INACTIVE' : 'ACTIVE')) against.push(`${target_id} is ${row.status}`);
      }
      const trail = await eventually(
        () => site.must<Page<AuditEntry>>('GET', 'audit?action=nodes.accept-plan&outcome=allowed&limit=200'),
        ({ items }) =>
          plan.targets
            .filter(({ raise_to }) => raise_to !== null)
            .every(({ target_id }) => items.some(({ resource }) => resource.id === target_id)),
      );
      if (!trail.items.some(({ resource }) => resource.type === 'node')) against.push('the acceptance of the node has no entry');
      const touched = plan.targets.filter(({ action }) => action !== 'leave').map(({ target_id }) => all.get(target_id)!);
      against.push(...strayChanges(drill.tree, await spindle.kernelTree(), touched).slice(0, 5));
      return `${plan.counts.raise} raised, ${touched.length} targets touched, ${trail.items.length} entries`;
    },
  );
  await claims.claim('Machines that were logged in have noticed nothing', async (against) => {
    against.push(...(await site.noticed()));
    const count = site.loggedIn;
    const logins = site.made.filter(({ kind }) => kind === 'same').slice(0, 2);
    await site.logOut();
    for (const made of logins) await qemuIo(site.loginOf(made), ['read -P 0x5a 0 64k']);
    return `${count} sessions the same throughout, and what they wrote is there`;
  });
};

const serve = ({ site, claims, orphan }: Drill): Promise<void> =>
  claims.claim('It serves again: the orphan is adopted, CHAP admits, targets are made and deleted, the trail verifies', async (against) => {
    const { spindle } = site;
    await eventually(
      async () => (await site.must<Page<NodeResponse>>('GET', 'nodes')).items[0]!,
      ({ adoptable }) => adoptable.includes(orphan!.target.iqn),
    );
    const adopted = await site.must<TargetResponse>('POST', 'nodes/lab-1/adopt', { iqn: orphan!.target.iqn });
    if (adopted.status !== 'ACTIVE' || adopted.id !== orphan!.target.id) against.push(`the orphan is ${adopted.status}`);
    // secrets as of the backup: those that were made since are gone with it
    for (const made of site.made.filter(({ kind }) => kind === 'rotated').slice(0, 2)) await qemuIo(site.loginOf(made), ['read 0 512']);
    const fresh = await site.create('deleted');
    const gone = await site.must<TargetResponse>('DELETE', `targets/${fresh.target.id}`);
    if (gone.status !== 'INACTIVE') against.push(`a new target could not be deleted: ${gone.status}`);
    const { verdict, actions } = await verifyServed(site);
    if (verdict.fault) against.push(verdict.fault.what);
    for (const action of ['database.restored', 'node.held', 'nodes.accept-plan', 'nodes.adopt'])
      if (!actions.has(action)) against.push(`the trail has no ${action}`);
    await spindle.bus.flush();
    return `${verdict.entries} entries verified up to ${verdict.provenTo}, with the restore, the hold, the acceptance and the adoption in them`;
  });

/** The trail of the restored Spindle, as an auditor gets it. */
const verifyServed = async (site: Site) => {
  type Head = { size: number; verifier_key: string };
  const adopted = await eventually(
    () => site.must<Page<AuditEntry>>('GET', 'audit?action=nodes.adopt'),
    ({ items }) => items.length > 0,
  );
  const { size, verifier_key } = await eventually(
    () => site.must<Head>('GET', 'audit/checkpoint'),
    (head) => head.size >= adopted.items[0]!.seq,
  );
  const verifier = new ExportVerifier(readVerifierKey(verifier_key));
  const actions = new Set<string>();
  for (let after: number | null = 0; after !== null;) {
    const page: { lines: string[]; next: number | null } = await site.must('GET', `audit/export?size=${size}&after=${after}`);
    for (const line of page.lines) {
      verifier.read(line);
      if (line.startsWith('{"entry":')) actions.add((JSON.parse(line) as { entry: { action: string } }).entry.action);
    }
    after = page.next;
  }
  return { verdict: verifier.end(), actions };
};

const run = async (profile: Profile, say: (line: string) => void) => {
  const site = new Site();
  const claims = new Claims(say);
  const size = SIZES[profile];
  const drill: Drill = { site, claims, size, lost: new Map(), restored: new Map(), tree: '', wishes: 0 };
  const began = Date.now();
  try {
    await site.start();
    await site.makeTargets(size.targets);
    const place = { machine_id: (await site.spindle.machine()).id, image_id: (await site.spindle.image()).id };
    await backUpUnderTraffic(drill);
    await goOnAndLoseAll(drill, place);
    await restoreIt(drill);
    await lookAtPlan(drill);
    await acceptIt(drill);
    await serve(drill);
  } finally {
    await site.end();
  }
  const { held, made } = claims;
  return {
    holds: held === 10 && made.length === 10,
    summary: `${size.targets} targets, ${site.made.filter(({ chap }) => chap).length} of them with CHAP: ${held} of ${made.length} as claimed, in ${Math.round((Date.now() - began) / 1_000)} s`,
    details: claims.table(),
  };
};

export const proveRestore: Proof = {
  name: 'restore',
  title: 'The control plane can be lost: what was backed up is restored, verified, planned and accepted, and the machines go on',
  run,
};
