import fc from 'fast-check';
import type { DesiredTarget, Seen, SeenAcl, SeenTarget } from './lio/target-state';
import { ChapCredentials, NO_CHAP } from './lio/chap-credentials';
import { ACL_ATTRIBUTES, BACKSTORE_ATTRIBUTES, TPG_ATTRIBUTES, TPG_PARAMETERS, type Values, type WishedValues } from './lio/wished-values';
import { mustBeRemade, planAbsent, planPresent, undoSteps, type PlannedStep, type Step } from './plan-target';
import { driftFrom } from './target-drift';

/** A target and its backstore as LIO keeps them, as far as a plan changes them. `others`: LUNs of other targets on the backstore. */
interface Model extends Seen {
  others: number;
}

const desired: DesiredTarget = {
  iqn: 'iqn.2025-01.io.spindle:t',
  initiatorIqn: 'iqn.2025-01.io.spindle:m',
  lun: 0,
  readOnly: false,
  portal: { address: '192.0.2.5', port: 3260 },
  backstore: 'spindle-d',
  file: '/images/d.img',
  sizeBytes: 4096,
  serial: 'd',
  chap: null,
};

const withChap: DesiredTarget = {
  ...desired,
  chap: new ChapCredentials({ userid: desired.initiatorIqn, password: 'secret', userid_mutual: '', password_mutual: '' }),
};

const DEFAULTS = { ...TPG_ATTRIBUTES.set, ...TPG_ATTRIBUTES.kept, demo_mode_discovery: '1' };

const withTarget = (model: Model, change: (target: SeenTarget) => SeenTarget): Model => {
  if (!model.target) throw new Error('no such target');
  if (!model.target.hasTpg) throw new Error('no such TPG');
  return { ...model, target: change(model.target) };
};

/** One with a tag is not found by its name. */
const withAcl = (model: Model, initiatorIqn: string, change: (acl: SeenAcl) => SeenAcl): Model =>
  withTarget(model, (target) => {
    if (!target.acls.some((acl) => acl.initiatorIqn === initiatorIqn && acl.tag === null)) throw new Error('no such ACL');
    return { ...target, acls: target.acls.map((acl) => (acl.initiatorIqn === initiatorIqn ? change(acl) : acl)) };
  });

const newAcl = (initiatorIqn: string, queueDepth: string): SeenAcl => ({
  initiatorIqn,
  attributes: ACL_ATTRIBUTES.kept,
  queueDepth,
  tag: null,
  secrets: [],
  chap: NO_CHAP,
  luns: [],
});

const updateExported = (model: Model): Model => {
  const shown = model.others > 0 || (model.target?.luns.some(({ backstore }) => backstore === desired.backstore) ?? false);
  return model.backstore ? { ...model, backstore: { ...model.backstore, exported: shown } } : model;
};

/** What targetcli and the kernel do for a step, with their refusals. */
const run = (model: Model, step: Step): Model => {
  switch (step.step) {
    case 'create-backstore':
      if (model.backstore) throw new Error('exists');
      return {
        ...model,
        backstore: {
          name: step.backstore,
          configured: true,
          file: step.file,
          udevPath: step.file,
          sizeBytes: desired.sizeBytes,
          writeThrough: true,
          serial: step.serial,
          attributes: { ...BACKSTORE_ATTRIBUTES.kept, emulate_write_cache: '1' },
          accessState: '0',
          exported: false,
        },
      };
    case 'set-backstore-attributes':
      if (!model.backstore) throw new Error('no such backstore');
      if ('block_size' in step.attributes && model.backstore.exported) throw new Error('exported');
      return { ...model, backstore: { ...model.backstore, attributes: { ...model.backstore.attributes, ...step.attributes } } };
    case 'set-access-state':
      return { ...model, backstore: { ...model.backstore!, accessState: step.state } };
    case 'delete-unused-backstore':
      return model.backstore?.exported ? model : { ...model, backstore: null };
    case 'create-target':
      if (model.target) throw new Error('exists');
      return {
        ...model,
        target: {
          iqn: step.iqn,
          hasTpg: true,
          enabled: false,
          attributes: DEFAULTS,
          parameters: TPG_PARAMETERS.kept,
          portals: [],
          luns: [],
          acls: [],
          sessions: [],
          otherTpgs: [],
        },
      };
    case 'delete-target':
      return { ...model, target: null };
    case 'set-tpg-attributes':
      return withTarget(model, (target) => {
        const { authentication } = step.attributes;
        // iscsi_target_tpg.c, iscsit_ta_authentication: the kernel sees to it by itself
        const methods: Values = authentication === undefined ? {} : { AuthMethod: authentication === '1' ? 'CHAP' : 'CHAP,None' };
        return {
          ...target,
          attributes: { ...target.attributes, ...step.attributes },
          parameters: { ...target.parameters, ...methods },
        };
      });
    case 'set-tpg-parameters':
      return withTarget(model, (target) => ({ ...target, parameters: { ...target.parameters, ...step.parameters } }));
    case 'create-lun':
      return withTarget(model, (target) => {
        if (!model.backstore || target.luns.some(({ lun }) => lun === step.lun)) throw new Error('refused');
        return { ...target, luns: [...target.luns, { lun: step.lun, backstore: step.backstore, path: null }] };
      });
    case 'delete-lun':
      return withTarget(model, (target) => ({
        ...target,
        luns: target.luns.filter(({ lun }) => lun !== step.lun),
        acls: target.acls.map((acl) => ({ ...acl, luns: acl.luns.filter(({ tpgLun }) => tpgLun !== step.lun) })),
      }));
    case 'create-acl':
      return withTarget(model, (target) => ({
        ...target,
        acls: [...target.acls, newAcl(step.initiatorIqn, target.attributes['default_cmdsn_depth']!)],
      }));
    case 'set-acl-attributes':
      return withAcl(model, step.initiatorIqn, (acl) => ({ ...acl, attributes: { ...acl.attributes, ...step.attributes } }));
    case 'clear-acl-secrets':
      return withAcl(model, step.initiatorIqn, (acl) => ({
        ...acl,
        secrets: acl.secrets.filter((name) => !step.secrets.includes(name)),
        chap: NO_CHAP,
      }));
    case 'set-acl-secrets':
      return withAcl(model, step.initiatorIqn, (acl) => ({ ...acl, secrets: ['userid'], chap: step.chap.fingerprint }));
    case 'untag-acl':
      return withTarget(model, (target) => ({
        ...target,
        acls: target.acls.map((acl) => (acl.initiatorIqn === step.initiatorIqn ? { ...acl, tag: null } : acl)),
      }));
    case 'delete-acl':
      return withTarget(model, (target) => ({ ...target, acls: target.acls.filter((acl) => acl.initiatorIqn !== step.initiatorIqn) }));
    case 'map-lun':
      return withTarget(model, (target) => {
        if (!target.luns.some(({ lun }) => lun === step.tpgLun)) throw new Error('no such LUN');
        if (!target.acls.some(({ initiatorIqn, luns }) => initiatorIqn === step.initiatorIqn && !luns.some(({ lun }) => lun === step.lun)))
          throw new Error('refused');
        const mapped = { lun: step.lun, tpgLun: step.tpgLun, readOnly: step.readOnly };
        return withAcl({ ...model, target }, step.initiatorIqn, (acl) => ({ ...acl, luns: [...acl.luns, mapped] })).target!;
      });
    case 'unmap-lun':
      return withAcl(model, step.initiatorIqn, (acl) => ({ ...acl, luns: acl.luns.filter(({ lun }) => lun !== step.lun) }));
    case 'create-portal':
      return withTarget(model, (target) => ({ ...target, portals: [...target.portals, step.portal] }));
    case 'delete-portal':
      return withTarget(model, (target) => ({
        ...target,
        portals: target.portals.filter(({ address, port }) => address !== step.portal.address || port !== step.portal.port),
      }));
    case 'delete-tpg':
      return withTarget(model, (target) => ({ ...target, otherTpgs: target.otherTpgs.filter((tag) => tag !== step.tag) }));
    case 'enable-tpg':
      return withTarget(model, (target) => ({ ...target, enabled: true }));
    case 'disable-tpg':
      return withTarget(model, (target) => ({ ...target, enabled: false }));
  }
};

const runAll = (model: Model, steps: Step[]): Model => steps.reduce((now, step) => updateExported(run(now, step)), updateExported(model));
const doAll = (model: Model, plan: PlannedStep[]): Model =>
  runAll(
    model,
    plan.map((planned) => planned.do),
  );

/** A value of a kernel, and one of a hand; a kernel may lack what is kept. */
const valuesOf = (wished: WishedValues) =>
  fc
    .tuple(
      fc.record(Object.fromEntries(Object.keys(wished.set).map((name) => [name, fc.constantFrom('0', '1')]))),
      fc.record(Object.fromEntries(Object.entries(wished.kept).map(([name, value]) => [name, fc.constantFrom(value, value, 'by-hand')])), {
        requiredKeys: [],
      }),
    )
    .map(([set, kept]) => ({ ...set, ...kept }));

const backstores = fc.option(
  fc.record({
    name: fc.constant(desired.backstore),
    configured: fc.boolean(),
    file: fc.constantFrom(desired.file, '/images/other.img'),
    udevPath: fc.constantFrom(desired.file, desired.file, '/images/other.img', null),
    sizeBytes: fc.constantFrom(desired.sizeBytes, 512),
    writeThrough: fc.boolean(),
    serial: fc.constantFrom(desired.serial, 'other'),
    attributes: valuesOf(BACKSTORE_ATTRIBUTES),
    accessState: fc.constantFrom('0', '0', '3', null),
    exported: fc.constant(false),
  }),
);

const initiators = fc.constantFrom(desired.initiatorIqn, 'iqn.2025-01.io.spindle:stranger');
const targets = fc.record({
  iqn: fc.constant(desired.iqn),
  hasTpg: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  enabled: fc.boolean(),
  attributes: valuesOf(TPG_ATTRIBUTES).map((values) => ({ ...values, default_cmdsn_depth: values['default_cmdsn_depth'] ?? '64' })),
  parameters: valuesOf(TPG_PARAMETERS),
  portals: fc.uniqueArray(fc.record({ address: fc.constantFrom('192.0.2.5', '0.0.0.0'), port: fc.constantFrom(3260, 3261) }), {
    selector: ({ address, port }) => `${address} ${port}`,
  }),
  luns: fc.uniqueArray(
    fc.record({
      lun: fc.integer({ min: 0, max: 2 }),
      backstore: fc.constantFrom(desired.backstore, 'theirs', `rd_mcp_0/${desired.backstore}`, null),
      path: fc.constantFrom(null, null, 'offline', 'their-group'),
    }),
    { selector: ({ lun }) => lun },
  ),
  acls: fc.uniqueArray(
    fc.record({
      initiatorIqn: initiators,
      attributes: valuesOf(ACL_ATTRIBUTES),
      queueDepth: fc.constantFrom('64', '64', '8', null),
      tag: fc.constantFrom(null, null, 'theirs'),
      secrets: fc.subarray(['userid', 'userid_mutual']),
      chap: fc.constantFrom(NO_CHAP, withChap.chap!.fingerprint, 'of somebody else'),
      luns: fc.uniqueArray(
        fc.record({ lun: fc.integer({ min: 0, max: 2 }), tpgLun: fc.integer({ min: 0, max: 2 }), readOnly: fc.boolean() }),
        { selector: ({ lun }) => lun },
      ),
    }),
    { selector: ({ initiatorIqn }) => initiatorIqn },
  ),
  sessions: fc.constant([]),
  otherTpgs: fc.subarray([2, 3]),
});

/** A mapping shows a LUN that is there; a LUN shows a backstore that is there. */
const consistent = (model: Model): Model => {
  if (!model.target) return updateExported(model);
  if (!model.target.hasTpg) {
    const bare = { enabled: false, attributes: {}, parameters: {}, portals: [], luns: [], acls: [] };
    return updateExported({ ...model, target: { ...model.target, ...bare } });
  }
  const luns = model.target.luns.filter(({ backstore }) => backstore !== desired.backstore || model.backstore?.configured);
  const acls = model.target.acls.map((acl) => ({ ...acl, luns: acl.luns.filter(({ tpgLun }) => luns.some(({ lun }) => lun === tpgLun)) }));
  return updateExported({ ...model, target: { ...model.target, luns, acls } });
};

const models = fc
  .record({ target: fc.option(targets), backstore: backstores, others: fc.constant(0) })
  .map((model) => consistent(model as Model));
const wishes = fc.constantFrom(desired, withChap);
const nothing: Model = { target: null, backstore: null, others: 0 };

test('a plan that is run reaches the wish, from whatever was there', () => {
  fc.assert(
    fc.property(models, wishes, (model, wish) => {
      const after = doAll(model, planPresent(wish, model));

      expect(driftFrom(wish, after)).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test('there is nothing to do exactly when there is no drift', () => {
  fc.assert(
    fc.property(models, wishes, (model, wish) => {
      expect(planPresent(wish, model).length === 0).toBe(driftFrom(wish, model).length === 0);
      expect(planPresent(wish, doAll(model, planPresent(wish, model)))).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test('a target is enabled by the last step and by no other', () => {
  fc.assert(
    fc.property(models, (model) => {
      const steps = planPresent(desired, model).map((planned) => planned.do.step);

      expect(steps.slice(0, -1)).not.toContain('enable-tpg');
    }),
  );
});

test('no initiator gets in before the secret is asked for, and none stands in a plan', () => {
  const isOpen = ({ target }: Model) => target?.enabled === true && target.attributes['authentication'] !== '1';
  fc.assert(
    fc.property(models, (model) => {
      const plan = planPresent(withChap, model);
      const states = [model, ...plan.map((_, at) => doAll(model, plan.slice(0, at + 1)))];
      expect(states.some((state, at) => at > 0 && isOpen(state) && !isOpen(states[at - 1]!))).toBe(false);
      expect(JSON.stringify(plan)).not.toContain('"secret"');
    }),
  );
});

test('a plan from nothing that stops at any step is undone to nothing', () => {
  const plan = planPresent(desired, nothing);

  for (let begun = 1; begun <= plan.length; begun++) {
    const steps = plan.slice(0, begun);
    expect(runAll(doAll(nothing, steps), undoSteps(steps))).toEqual(nothing);
  }
});

test('a target that lacks something, and has nothing too much, is as it was when its mending is undone', () => {
  const whole = doAll(nothing, planPresent(desired, nothing));
  const lacking = fc.record({
    acl: fc.boolean(),
    portal: fc.boolean(),
    lun: fc.boolean(),
    enabled: fc.boolean(),
    discovery: fc.constantFrom('0', '1'),
    authentication: fc.constantFrom('-1', '0', '1'),
  });
  fc.assert(
    fc.property(lacking, fc.integer({ min: 1, max: 8 }), (has, stop) => {
      const target = whole.target!;
      const before = updateExported({
        ...whole,
        target: {
          ...target,
          enabled: has.enabled,
          attributes: { ...target.attributes, demo_mode_discovery: has.discovery },
          portals: has.portal ? target.portals : [],
          luns: has.lun ? target.luns : [],
          acls: has.acl
            ? target.acls.map((acl) => ({
                ...acl,
                attributes: { ...acl.attributes, authentication: has.authentication },
                luns: has.lun ? acl.luns : [],
              }))
            : [],
        },
      });
      const begun = planPresent(desired, before).slice(0, stop);

      expect(runAll(doAll(before, begun), undoSteps(begun))).toEqual(before);
    }),
  );
});

test('a deleted target leaves nothing, except a backstore that others show', () => {
  fc.assert(
    fc.property(models, fc.integer({ min: 0, max: 2 }), (model, others) => {
      const before = updateExported({ ...model, others: model.backstore?.configured ? others : 0 });
      const after = doAll(before, planAbsent(desired, before));

      expect(after.target).toBeNull();
      expect(after.backstore === null).toBe(before.backstore === null || before.others === 0);
      expect(planAbsent(desired, after)).toEqual([]);
    }),
  );
});

test('drift names files, and no folder of the node', () => {
  const whole = doAll(nothing, planPresent(desired, nothing));
  const driftWith = (file: string | null) => driftFrom(desired, { ...whole, backstore: { ...whole.backstore!, file } });

  expect(driftWith(desired.file)).toEqual([]);
  expect(driftWith('/secret/d.img')).toEqual([{ kind: 'different', what: 'backing file', expected: 'd.img', found: 'another file' }]);
  expect(driftWith(null)).toEqual([{ kind: 'different', what: 'backing file', expected: 'd.img', found: null }]);
});

test('a backstore that shows another file is made anew and not mended', () => {
  const whole = doAll(nothing, planPresent(desired, nothing));
  const other: Model = { ...whole, backstore: { ...whole.backstore!, file: '/images/other.img' } };

  expect(mustBeRemade(desired, other)).toBe(true);
  expect(planPresent(desired, other).map((planned) => planned.do.step)).toEqual([
    'disable-tpg',
    'delete-target',
    'delete-unused-backstore',
    'create-backstore',
    'set-backstore-attributes',
    'create-target',
    'set-tpg-attributes',
    'create-lun',
    'create-acl',
    'map-lun',
    'create-portal',
    'enable-tpg',
  ]);
});
