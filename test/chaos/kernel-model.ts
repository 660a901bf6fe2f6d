import type { Step } from '../../apps/storage-node-executor/src/plan-target';
import type { Seen, SeenBackstore, SeenTarget } from '../../apps/storage-node-executor/src/lio/target-state';
import { NO_CHAP } from '../../apps/storage-node-executor/src/lio/chap-credentials';
import { QUEUE_DEPTH, TPG_ATTRIBUTES } from '../../apps/storage-node-executor/src/lio/wished-values';

/** What LIO's configfs does at each step, as far as the plans look at it. A model: the storage lab has the real one. */
export class KernelModel {
  private readonly targets = new Map<string, SeenTarget>();
  private readonly backstores = new Map<string, SeenBackstore>();

  see(iqn: string, backstore: string): Seen {
    const store = this.backstores.get(backstore);
    const exported = [...this.targets.values()].some(({ luns }) => luns.some((lun) => lun.backstore === backstore));
    return { target: this.targets.get(iqn) ?? null, backstore: store ? { ...store, exported } : null };
  }

  enabled(): string[] {
    return [...this.targets.values()].filter(({ enabled }) => enabled).map(({ iqn }) => iqn);
  }

  /** What must never be, not for a moment. */
  problems(): string[] {
    const open = [...this.targets.values()].filter(({ enabled }) => enabled);
    const initiators = open.flatMap(({ acls }) => acls.map(({ initiatorIqn }) => initiatorIqn));
    return [
      ...open
        .filter(({ acls, luns, attributes }) => acls.length !== 1 || luns.length !== 1 || attributes['generate_node_acls'] !== '0')
        .map(({ iqn }) => `${iqn} is enabled before it is whole`),
      ...open.filter(({ acls }) => acls.some((acl) => acl.luns.length !== 1)).map(({ iqn }) => `${iqn} is enabled without its LUN`),
      ...initiators.filter((initiator, at) => initiators.indexOf(initiator) !== at).map((initiator) => `two targets let ${initiator} in`),
    ];
  }

  apply(step: Step): void {
    const target = 'iqn' in step ? this.targets.get(step.iqn)! : (undefined as never);
    switch (step.step) {
      case 'create-backstore':
        this.backstores.set(step.backstore, {
          name: step.backstore,
          configured: true,
          file: step.file,
          udevPath: step.file,
          sizeBytes: 4096,
          writeThrough: true,
          serial: step.serial,
          attributes: { emulate_write_cache: '1' },
          accessState: '0',
          exported: false,
        });
        break;
      case 'set-backstore-attributes':
        Object.assign(this.backstores.get(step.backstore)!.attributes, step.attributes);
        break;
      case 'create-target':
        this.targets.set(step.iqn, {
          iqn: step.iqn,
          hasTpg: true,
          enabled: false,
          // as the kernel makes them: anybody may try
          attributes: { ...TPG_ATTRIBUTES.set, generate_node_acls: '1' },
          parameters: {},
          portals: [],
          luns: [],
          acls: [],
          sessions: [],
          otherTpgs: [],
        });
        break;
      case 'set-tpg-attributes':
        Object.assign(target.attributes, step.attributes);
        break;
      case 'create-lun':
        target.luns.push({ lun: step.lun, backstore: step.backstore, path: null });
        break;
      case 'create-acl':
        target.acls.push({
          initiatorIqn: step.initiatorIqn,
          attributes: {},
          queueDepth: QUEUE_DEPTH,
          tag: null,
          secrets: [],
          chap: NO_CHAP,
          luns: [],
        });
        break;
      case 'map-lun':
        target.acls
          .find(({ initiatorIqn }) => initiatorIqn === step.initiatorIqn)!
          .luns.push({ lun: step.lun, tpgLun: step.tpgLun, readOnly: step.readOnly });
        break;
      case 'create-portal':
        target.portals.push(step.portal);
        break;
      case 'enable-tpg':
        target.enabled = true;
        break;
      case 'disable-tpg':
        target.enabled = false;
        break;
      case 'delete-target':
        this.targets.delete(step.iqn);
        break;
      case 'delete-unused-backstore':
        if (!this.see('', step.backstore).backstore?.exported) this.backstores.delete(step.backstore);
        break;
      default:
        throw new Error(`the simulation's plans have no step ${step.step}`);
    }
  }
}
