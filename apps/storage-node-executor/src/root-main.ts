import { boot, loadSettings } from '#runtime';
import { Settings } from './config';
import { startRoot } from './start-root';

/** A running change may take its time-outs; killed all the same, the next start goes on from the journal. */
const LEAVE_WITHIN_MS = 30_000;

// what we and targetcli write holds the node's configuration: for root only
process.umask(0o077);
boot(() => startRoot(loadSettings(Settings)), LEAVE_WITHIN_MS);
