import { statSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from './configfs-files';

const numberOf = (folder: string): number => Number(folder.slice(folder.lastIndexOf('_') + 1));

/** Two changes within a tick of the kernel's clock leave one stamp (CONFIG_HZ=100). */
const TICK_MS = 20n;

/**
 * Which HBA folder of `core` has a backstore. rtslib makes one for each, so to find a name, or to see that it is not there, takes a look into
 * all of them; what was found is kept until `core` changes, so that one more target does not cost more when there are more.
 */
export class HbaIndex {
  /** By folder, the backstores in it. */
  private readonly folders = new Map<string, string[]>();
  private readonly byName = new Map<string, string>();
  /** An HBA is there before its backstore is. */
  private readonly unfinished = new Set<string>();
  private readonly taken = new Set<number>();
  /** None below it is free. */
  private lowest = 0;
  /** Empty: look. */
  private stamp = '';

  constructor(private readonly core: string) {}

  /** The fileio HBA that has it. */
  find(name: string): string | null {
    const known = this.byName.get(name);
    if (known && this.has(known, name)) return known;
    this.refresh(known !== undefined);
    return this.byName.get(name) ?? null;
  }

  /** Where `find` saw it last, without another look: for those who learn from the kernel when it is gone. */
  known(name: string): string | null {
    return this.byName.get(name) ?? this.find(name);
  }

  /** The lowest number that no HBA of any plug-in has, as rtslib gives it (rtslib_fb/tcm.py, `_Backstore`). */
  free(): number {
    this.refresh(false);
    while (this.taken.has(this.lowest)) this.lowest++;
    return this.lowest;
  }

  /** We made it, holding targetcli's lock: no need to look. */
  made(folder: string, name: string): void {
    this.note(folder, [name]);
    this.stamp = this.stampNow().text;
  }

  removed(folder: string): void {
    this.forget(folder);
    this.stamp = this.stampNow().text;
  }

  private has(folder: string, name: string): boolean {
    return statSync(join(this.core, folder, name), { throwIfNoEntry: false }) !== undefined;
  }

  private refresh(anyway: boolean): void {
    const { text, settled } = this.stampNow();
    if (!anyway && text !== '' && text === this.stamp) {
      for (const folder of this.unfinished) this.note(folder, foldersIn(join(this.core, folder)));
      return;
    }
    this.unfinished.clear();
    this.folders.clear();
    this.byName.clear();
    this.taken.clear();
    this.lowest = 0;
    // all of them: a folder that went and came again between two looks has the same name and another backstore
    for (const folder of foldersIn(this.core).filter((name) => name !== 'alua')) this.note(folder, foldersIn(join(this.core, folder)));
    this.stamp = settled ? text : '';
  }

  private note(folder: string, names: string[]): void {
    this.folders.set(folder, names);
    if (names.length === 0) this.unfinished.add(folder);
    else this.unfinished.delete(folder);
    this.taken.add(numberOf(folder));
    if (folder.startsWith('fileio_')) for (const name of names) this.byName.set(name, folder);
  }

  private forget(folder: string): void {
    for (const name of this.folders.get(folder) ?? []) if (this.byName.get(name) === folder) this.byName.delete(name);
    this.folders.delete(folder);
    this.unfinished.delete(folder);
    this.taken.delete(numberOf(folder));
    this.lowest = Math.min(this.lowest, numberOf(folder));
  }

  /** Of `core` itself: the kernel stamps a folder of configfs, and counts its folders, when one is made or taken away in it. */
  private stampNow(): { text: string; settled: boolean } {
    const stat = statSync(this.core, { bigint: true, throwIfNoEntry: false });
    if (!stat) return { text: '', settled: false };
    return { text: `${stat.mtimeNs} ${stat.nlink}`, settled: BigInt(Date.now()) - stat.mtimeMs > TICK_MS };
  }
}
