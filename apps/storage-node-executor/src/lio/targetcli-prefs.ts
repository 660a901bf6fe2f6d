import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * targetcli's preferences for us. They must be there before its first start: it would seed its own, which enable a new target
 * at once on every address, save on exit (after an error as well, and an empty configuration too), and log every command line.
 */
const PREFERENCES: Record<string, boolean | string> = {
  auto_add_default_portal: false,
  auto_add_mapped_luns: false,
  auto_cd_after_create: false,
  auto_enable_tpgt: false,
  auto_save_on_exit: false,
  auto_use_daemon: false,
  daemon_use_batch_mode: false,
  export_backstore_name_as_model: false,
  // uncoloured messages carry a prefix, `Error: `, which coloured ones do not (configshell_fb/log.py, `_log`)
  color_mode: false,
  loglevel_console: 'info',
  loglevel_file: 'critical',
  logfile: '/dev/null',
  max_backup_files: '10',
};

/** A Python pickle of protocol 0, which is text, of a flat dict: the format of prefs.bin (configshell_fb/prefs.py). */
export const pickledPreferences = (preferences = PREFERENCES): string => {
  const items = Object.entries(preferences).map(
    ([name, value]) => `V${name}\n${typeof value === 'boolean' ? `I0${value ? 1 : 0}` : `V${value}`}\ns`,
  );
  return `(d${items.join('')}.`;
};

/**
 * Written before every start, since targetcli truncates and rewrites the file without a lock and cannot start from a part of it.
 * @param home private to us: whoever can write there runs code as root, because a pickle is a program.
 */
export const seedPreferences = (home: string): void => {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const fresh = join(home, 'prefs.bin.new');
  writeFileSync(fresh, pickledPreferences(), { mode: 0o600 });
  renameSync(fresh, join(home, 'prefs.bin'));
};
