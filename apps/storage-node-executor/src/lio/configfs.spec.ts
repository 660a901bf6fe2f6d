import { parseBackstoreInfo, parseSession } from './configfs';

const LOGGED_IN = `InitiatorName: iqn.1993-08.org.debian:01:abc
InitiatorAlias: host1
LIO Session ID: 3   ISID: 0x00 02 3d 00 00 00  TSIH: 3  SessionType: Normal
Session State: TARG_SESS_STATE_LOGGED_IN
---------------------[iSCSI Session Values]-----------------------
  CmdSN/WR  :  CmdSN/WC  :  ExpCmdSN  :  MaxCmdSN  :     ITT    :     TTT
----------------------[iSCSI Connections]-------------------------
CID: 0  Connection State: TARG_CONN_STATE_LOGGED_IN
   Address 10.0.0.9 TCP  StatSN: 0x1a2b3c4d
`;

test('a session is read from the info of its ACL', () => {
  expect(parseSession('iqn.a', LOGGED_IN)).toEqual({ initiatorIqn: 'iqn.a', state: 'LOGGED_IN', address: '10.0.0.9' });
});

test.each(['', 'No active iSCSI Session for Initiator Endpoint: iqn.a\n'])('there is no session in %j', (info) => {
  expect(parseSession('iqn.a', info)).toBeNull();
});

test('a backstore’s file, size, write mode and use are read from its info', () => {
  const info =
    'Status: ACTIVATED  Max Queue Depth: 0  SectorSize: 512  HwMaxSectors: 16384\n        TCM FILEIO ID: 0        File: /data/a.img  Size: 16777216  Mode: O_DSYNC Async: 0\n';

  expect(parseBackstoreInfo(info)).toEqual({ file: '/data/a.img', sizeBytes: 16777216, writeThrough: true, exported: true });
  expect(parseBackstoreInfo(info.replace('ACTIVATED', 'DEACTIVATED').replace('O_DSYNC', 'Buffered-WCE'))).toMatchObject({
    writeThrough: false,
    exported: false,
  });
});

test('a backstore without a device has no file', () => {
  expect(parseBackstoreInfo('')).toEqual({ file: null, sizeBytes: null, writeThrough: false, exported: false });
});
