import { z } from 'zod';
import { NODE_ID_PATTERN } from '#contracts';
import { commonSettings, healthSettings, setting } from '#runtime';
import { imageRoot, iqnToken, portalToken } from './lio/target-names';

/** A rule of target-names.ts as a rule for a setting. */
const passes = (check: () => unknown): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};
const address = (fallback: string) =>
  setting.text(fallback).refine((value) => passes(() => portalToken({ address: value, port: 1 })), 'must be an IP address without a zone');

/** What both parts must know alike. */
const ofBothParts = {
  NODE_ID: z
    .string({ error: 'must be set' })
    .regex(NODE_ID_PATTERN, 'must be 1 to 63 of a-z 0-9 - beginning with a letter or digit')
    .describe('Name of this storage node in subjects and events. Never changes.'),
  ROOT_SOCKET: setting
    .text('/run/spindle-node/root.sock')
    .refine((value) => /^\/.{1,100}$/.test(value), 'must be an absolute path of at most 101 characters')
    .describe('Where the two parts of the executor meet. The folder belongs to root.'),
};

/** Settings of the part of the storage node executor that is on NATS. */
export const BusSettings = z.object({ ...ofBothParts, ...commonSettings, ...healthSettings(3003) });

/** Settings of its root part. */
export const Settings = z.object({
  ...ofBothParts,
  EXECUTOR_USER: setting.text('spindle-executor').describe('User of the part on NATS, by name or number: the socket is given to it.'),
  NODE_NAME: z.string().max(100).optional().describe('Name of this storage node for people; NODE_ID by default.'),
  TARGETCLI_PATH: setting.text('/usr/bin/targetcli').describe('Where targetcli is.'),
  TARGETCLI_TIMEOUT_MS: setting
    .wholeNumber(20_000, 1_000, 600_000)
    .describe('Longest time of one command of targetcli, milliseconds; 50 more for each LIO object of the node.'),
  TARGETCLI_LOCK_WAIT_MS: setting
    .wholeNumber(10_000, 0, 600_000)
    .describe('How long a wish waits while another program holds targetcli’s lock, milliseconds.'),
  LIO_ENGINE: z
    .enum(['targetcli', 'configfs'])
    .default('targetcli')
    .describe('Who changes LIO: targetcli, or this service by writing configfs itself, which is faster by far. See docs/adr/0022.'),
  TARGETCLI_IDLE_MS: setting
    .wholeNumber(300, 0, 60_000)
    .describe('How long a targetcli process, and with it the lock, is kept for the next wish, milliseconds.'),
  TARGETCLI_BURST_MS: setting
    .wholeNumber(10_000, 500, 600_000)
    .describe('How long a burst keeps the lock while another targetcli waits for it, milliseconds.'),
  ISCSI_TARGET_PREFIX: setting
    .text('iqn.2025-01.io.spindle')
    .refine(
      (value) => passes(() => iqnToken(`${value}:00000000-0000-0000-0000-000000000000`)),
      'must be iqn.YYYY-MM.reversed.domain in lower case',
    )
    .describe('First part of the names of targets.'),
  ISCSI_PORTAL_ADDRESS: address('0.0.0.0').describe('IP address that targets listen on.'),
  ISCSI_PORTAL_PORT: setting.port(3260).describe('TCP port that targets listen on.'),
  ISCSI_ADVERTISED_ADDRESS: z.string().min(1).optional().describe('What initiators dial; ISCSI_PORTAL_ADDRESS by default.'),
  ISCSI_ADVERTISED_PORT: z.coerce.number().int().min(1).max(65535).optional().describe('Port they dial; ISCSI_PORTAL_PORT by default.'),
  IMAGE_ROOT: setting
    .text('/srv/spindle/images')
    .refine((value) => passes(() => imageRoot(value)), 'must be an absolute path of A-Z a-z 0-9 _ . - / with at most 121 characters')
    .describe('Folder of the disk images. Mounted before this service starts.'),
  IMAGE_ROOT_IS_MOUNT: setting
    .flag(false)
    .describe(
      'true: while IMAGE_ROOT lies on the file system of /, or a mount of fstab on its way is missing, no target is made or restored.',
    ),
  STATE_DIR: setting.text('/var/lib/spindle').describe('Folder of the journal and of targetcli’s preferences; private to this service.'),
  SAVED_CONFIG_FILE: setting
    .text('/etc/rtslib-fb-target/saveconfig.json')
    .refine((value) => /^\/[A-Za-z0-9_./-]{1,200}$/.test(value) && !value.includes('..'), 'must be an absolute path')
    .describe('The distribution’s saved configuration: /etc/target/saveconfig.json elsewhere than on Debian and Ubuntu.'),
  QUEUE_LIMIT: setting.wholeNumber(500, 1, 100_000).describe('Wishes that may wait for their turn.'),
  QUEUE_WAIT_MS: setting.wholeNumber(60_000, 1_000, 600_000).describe('Longest time that a wish waits for its turn, milliseconds.'),
  REPORT_INTERVAL_MS: setting.wholeNumber(2_000, 200, 60_000).describe('Time between two reports of this node, milliseconds.'),
  DRIFT_SCAN_MS: setting
    .wholeNumber(10_000, 500, 3_600_000)
    .describe('Time in which all targets are compared with their wishes once, milliseconds.'),
  DRIFT_POLICY: z
    .enum(['report', 'repair'])
    .default('repair')
    .describe('What is done about a target that differs from its wish: report tells of it, repair sends the wish again as well.'),
  LOG_LEVEL: setting.logLevel(),
});

export type BusSettings = z.infer<typeof BusSettings>;
export type Settings = z.infer<typeof Settings>;
