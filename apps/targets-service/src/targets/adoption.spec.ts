import type { InspectedTarget } from '#contracts';
import { objectionTo, readClaim, type Claim, type Records } from './adoption';

const PREFIX = 'iqn.2025-01.io.spindle';
const TARGET = '01997b1e-5b1c-7d3a-9c0e-2f4b6a8d0c11';
const DISK = '01997b1d-4c7f-7e19-a2b4-8d5f3e1c7a92';
const OTHER = '01997b1d-0a4e-7b52-8f3d-6c1e9a7b5d21';
const INITIATOR = `${PREFIX}:m-525400123456`;

const lun = { lun: 0, backstore: `spindle-${DISK}`, file: 'a.img', size_bytes: 4096, serial: DISK, made_as_ours: true };
const mapped = { lun: 0, tpg_lun: 0, read_only: false };
const acl = { initiator_iqn: INITIATOR, luns: [mapped] };
const whole: InspectedTarget = { asks_for_secrets: false, other_tpgs: [], portal_is_ours: true, luns: [lun], acls: [acl] };

const claim: Claim = { targetId: TARGET, initiatorIqn: INITIATOR, diskId: DISK, readOnly: false, file: 'a.img', sizeBytes: 4096 };
const free: Records = {
  target: null,
  machine: { id: OTHER },
  targetOfMachine: null,
  image: { file: 'a.img', size_bytes: 4096, read_only: false },
  imageIsOnNode: true,
  exportInTheWay: null,
};

const read = (seen: InspectedTarget | null, iqn = `${PREFIX}:${TARGET}`) => readClaim(PREFIX, iqn, seen);
const hint = (reading: ReturnType<typeof readClaim>) => ('objection' in reading ? reading.objection.hint : 'no objection');

describe('a target that a node shows', () => {
  it('is read as what it claims to be', () => {
    expect(read(whole)).toEqual({ claim });
    expect(read({ ...whole, acls: [{ ...acl, luns: [{ ...mapped, read_only: true }] }] })).toEqual({ claim: { ...claim, readOnly: true } });
  });

  it.each<[string, InspectedTarget | null, RegExp]>([
    ['is not there', null, /no target of this name/],
    ['has another TPG', { ...whole, other_tpgs: [2] }, /another TPG/],
    ['listens elsewhere', { ...whole, portal_is_ours: false }, /does not listen/],
    ['has no LUN', { ...whole, luns: [] }, /exactly one LUN/],
    ['has two LUNs', { ...whole, luns: [lun, { ...lun, lun: 1 }] }, /exactly one LUN/],
    ['has a LUN of another number', { ...whole, luns: [{ ...lun, lun: 1 }] }, /number 0/],
    ['has a LUN without a backstore', { ...whole, luns: [{ ...lun, backstore: null }] }, /backstore is not named/],
    ['is on a backstore of another name', { ...whole, luns: [{ ...lun, backstore: `disk-${DISK}` }] }, /backstore is not named/],
    ['is on a backstore that is named after no disk', { ...whole, luns: [{ ...lun, backstore: 'spindle-1' }] }, /backstore is not named/],
    ['has another serial', { ...whole, luns: [{ ...lun, serial: OTHER }] }, /serial/],
    ['has a write cache', { ...whole, luns: [{ ...lun, made_as_ours: false }] }, /write cache/],
    ['has no ACL', { ...whole, acls: [] }, /exactly one ACL/],
    ['has two ACLs', { ...whole, acls: [acl, { ...acl, initiator_iqn: `${INITIATOR}7` }] }, /exactly one ACL/],
    ['maps no LUN', { ...whole, acls: [{ ...acl, luns: [] }] }, /ACL does not show/],
    ['maps two LUNs', { ...whole, acls: [{ ...acl, luns: [mapped, { ...mapped, lun: 1 }] }] }, /ACL does not show/],
    ['maps it under another number', { ...whole, acls: [{ ...acl, luns: [{ ...mapped, lun: 3 }] }] }, /ACL does not show/],
    ['has a broken mapping', { ...whole, acls: [{ ...acl, luns: [{ ...mapped, tpg_lun: null }] }] }, /ACL does not show/],
  ])('is refused if it %s', (_, seen, expected) => {
    expect(hint(read(seen))).toMatch(expected);
  });

  it.each([
    `${PREFIX}:pc-1`,
    `${PREFIX}`,
    `${PREFIX}:${TARGET}0`,
    `${PREFIX}2:${TARGET}`,
    `iqn.2003-01.org.linux-iscsi.san:${TARGET}`,
    `${PREFIX}:00000000-0000-0000-0000-000000000001`,
  ])('is refused as %s, whatever it has', (iqn) => {
    expect(hint(read(whole, iqn))).toMatch(/name is not the prefix/);
  });
});

describe('a claim', () => {
  it('is met when the machine and the image are registered and free', () => {
    expect(objectionTo(claim, free)).toBeNull();
    expect(objectionTo({ ...claim, readOnly: true }, { ...free, image: { ...free.image!, read_only: true } })).toBeNull();
  });

  it.each<[string, Partial<Records>, RegExp, string | undefined]>([
    ['the target is known', { target: { id: TARGET, status: 'ACTIVE' } }, /already: it is ACTIVE/, TARGET],
    ['no machine has the initiator', { machine: null }, /No machine/, undefined],
    ['the machine has a live target', { targetOfMachine: { id: OTHER } }, /another live target/, OTHER],
    ['there is no such image', { image: null }, /No image/, undefined],
    ['the image is another file', { image: { ...free.image!, file: 'b.img' } }, /not on the file/, undefined],
    ['the image has another size', { image: { ...free.image!, size_bytes: 512 } }, /another size/, undefined],
    ['the image is on another node', { imageIsOnNode: false }, /not registered as being on this node/, undefined],
    ['the image is read-only', { image: { ...free.image!, read_only: true } }, /image is read-only/, undefined],
    ['another export is in the way', { exportInTheWay: { id: OTHER } }, /excludes it/, OTHER],
  ])('is refused if %s', (_, records, expected, resourceId) => {
    const objection = objectionTo(claim, { ...free, ...records });

    expect(objection?.hint).toMatch(expected);
    expect(objection?.resourceId).toBe(resourceId);
  });

  it('on a backstore that is no file of the image folder is refused', () => {
    expect(objectionTo({ ...claim, file: null }, free)?.hint).toMatch(/not on the file/);
  });
});
