import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The registrations that the kernel wrote to a file of the node for initiators that asked for them to outlive a power cut (APTPL,
 * target_core_pr.c), as it takes them back through `res_aptpl_metadata`. It never reads its own file: rtslib does (rtslib_fb/tcm.py,
 * `_config_pr_aptpl`), and so must whoever makes a backstore in its place.
 */
export const parseReservations = (text: string): string[] => {
  if (!text.startsWith('PR_REG_START:')) return [];
  return text
    .split(/PR_REG_START: *\d*/)
    .slice(1)
    .map((part) =>
      part
        .split(/PR_REG_END:/)[0]!
        .split(/\s+/)
        .filter(Boolean)
        .join(','),
    );
};

/** @param folder `dbroot` of configfs, which does not change while there are backstores */
export const savedReservations = (folder: string, serial: string): string[] => {
  const file = join(folder, 'pr', `aptpl_${serial}`);
  return existsSync(file) ? parseReservations(readFileSync(file, 'utf8')) : [];
};
