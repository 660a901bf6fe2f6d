import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '#embedded';
import type { SpindleForTests } from '../harness/spindle-for-tests';

/** In the lab: for TARGETCLI_PATH. */
export const TARGETCLI_WRAPPER = '/run/fault/targetcli';

/** Puts the wrapper that misbehaves around the real targetcli into the lab. */
export const installWrapper = async (spindle: SpindleForTests): Promise<void> => {
  const wrapper = readFileSync(join(projectRoot(), 'test/harness/misbehaving-targetcli.sh'), 'utf8');
  await spindle.lab.exec(`mkdir -p /run/fault && cat >${TARGETCLI_WRAPPER} <<'WRAPPER'\n${wrapper}WRAPPER\nchmod 755 ${TARGETCLI_WRAPPER}`);
};

/** From the next targetcli on; the words are those of misbehaving-targetcli.sh. */
export const behave = (spindle: SpindleForTests, mode: string): Promise<unknown> => spindle.lab.exec(`echo '${mode}' >/run/fault/mode`);
