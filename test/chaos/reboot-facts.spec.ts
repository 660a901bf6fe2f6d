import { differences, parseDump } from './reboot-facts';

const dump = (
  hba: number,
  serial: string,
  authentication: number,
) => `iscsi/iqn.x:a/tpgt_1/lun/lun_0 -> ../../../../../../target/core/fileio_${hba}/spindle-d
core/fileio_${hba}/spindle-d/wwn/vpd_unit_serial:T10 VPD Unit Serial Number: ${serial}
iscsi/iqn.x:a/tpgt_1/enable:1
iscsi/iqn.x:a/tpgt_1/attrib/authentication:${authentication}
iscsi/lio_version:4.1`;

describe('what a reboot changed', () => {
  const before = parseDump(dump(0, 's-1', 0));

  it('has a target with its serial, and none of what is no target', () => {
    expect(before).toMatchObject([{ iqn: 'iqn.x:a', enabled: true, serial: 's-1' }]);
  });

  it('is nothing when only the backstore’s HBA has another number', () => {
    expect(differences(before, parseDump(dump(7, 's-1', 0)))).toEqual({ missing: [], extra: [], serials: [], values: [] });
  });

  it('is a serial, an attribute, a target that lacks', () => {
    const changed = differences(before, parseDump(dump(0, 's-2', 1)));

    expect(changed.serials).toEqual(['iqn.x:a']);
    expect(changed.values).toContain('+iscsi/iqn.x:a/tpgt_1/attrib/authentication:1');
    expect(differences(before, []).missing).toEqual(['iqn.x:a']);
    expect(differences([], before).extra).toEqual(['iqn.x:a']);
  });
});
