import { ERROR_CODES } from '#contracts';
import { TargetCLIError, faultCode, faultKind } from './targetcli-errors';

test.each([
  ['exists', 'Error: This NetworkPortal already exists in configFS'],
  ['exists', 'Error: Storage object fileio/n exists'],
  ['exists', 'Error: storage object for /data/a.img already exists: theirs'],
  ['exists', 'Error: lun for storage object fileio/n already exists'],
  ['not-found', 'Error: No such path /iscsi/iqn.2025-01.io.spindle:t/tpg1'],
  ['not-found', 'Error: No such Target in configfs: /sys/kernel/config/target/iscsi/iqn.x'],
  ['not-found', 'Error: No storage object named n.'],
  ['not-found', 'Error: LUN, storage object, or path not valid'],
  ['create-failed', 'Error: Could not create NetworkPortal in configFS'],
  ['bad-name', 'Error: WWN not valid as: iqn, naa, eui'],
  ['no-space', 'Error: Could not expand file to 10 bytes'],
  ['file', "FileNotFoundError: [Errno 2] No such file or directory: '/data/other.img'"],
  ['file', 'Error: Attempting to create file for new fileio backstore, need a size'],
  ['file', 'Error: Cannot configure StorageObject because device /dev/sdb is already in use'],
  ['syntax', 'Error: Command not found frob'],
  ['syntax', 'Error: Got 3 positionnal parameters, expected at most 2'],
  ['rejected', 'Error: Cannot set attribute emulate_tpu: [Errno 22] Invalid argument'],
  ['rejected', 'Error: The TPGT could not be enabled.'],
  ['busy', "OSError: [Errno 16] Device or resource busy: '/sys/kernel/config/target/core/fileio_0/n'"],
  ['not-root', "opening lockfile failed: [Errno 13] Permission denied: '/var/run/targetcli.lock'"],
  ['dbus', 'g-io-error-quark: Could not connect: No such file or directory (1)'],
  ['kernel-missing', "b'modprobe: FATAL: Module target_core_mod not found in directory /lib/modules/6.1\\n'"],
  ['prefs', 'EOFError: Ran out of input'],
  ['broken-tree', 'Error: Cannot read a T10 WWN Unit Serial from an unconfigured StorageObject'],
  ['unknown', 'Error: something that no version said yet'],
])('%s: %s', (kind, text) => {
  expect(faultKind(text)).toBe(kind);
});

test('the same refusal means another thing at another step', () => {
  expect(faultCode('create-failed', 'create-portal')).toBe('PORTAL_IN_USE');
  expect(faultCode('create-failed', 'create-backstore')).toBe('BACKING_FILE_UNUSABLE');
  expect(faultCode('create-failed', 'create-acl')).toBe('KERNEL_REFUSED');
});

test('what targetcli said stays in the cause; the message is the advice of the code', () => {
  const inner = 'Error: Could not open /srv/secret/a.img';
  const error = new TargetCLIError('file', 'create-backstore', inner, 'The backstore theirs has no file.');

  expect(error.cause).toBe(inner);
  expect(error.message).toBe(`The backstore theirs has no file. ${ERROR_CODES.BACKING_FILE_UNUSABLE.advice}`);
  expect(error.message).not.toContain('secret');
});
