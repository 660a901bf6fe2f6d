import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const recordName = 'process.json';

/** `since` tells a process from a later one with the same id: its start in clock ticks after boot. */
type ProcessRecord = { pid: number; since: string; cwd: string; starter: number; starterSince: string };

/** Remembers in `folder` which process group works for it, and in which working folder, so that a later start can end one left behind. */
export function recordProcess(folder: string, pid: number, cwd = folder): void {
  const record: ProcessRecord = { pid, since: startOf(pid), cwd, starter: process.pid, starterSince: startOf(process.pid) };
  writeFileSync(join(folder, recordName), JSON.stringify(record), { mode: 0o600 });
}

/**
 * Ends the process group that an earlier, killed run left at work in `folder`. (The guard ends it as a rule; but it can be killed, too.)
 *
 * @throws Error when its starter is alive: then it is in use, not left behind.
 */
export async function endStaleProcess(folder: string): Promise<void> {
  const record = readRecord(folder);
  if (!record) return;
  const isAtWork = (): boolean => startOf(record.pid) === record.since && workingFolder(record.pid) === record.cwd;
  if (isAtWork()) {
    if (startOf(record.starter) === record.starterSince)
      throw new Error(`${folder} is in use by process ${record.starter}: stop that first.`);
    process.kill(-record.pid, 'SIGKILL');
    while (isAtWork()) await sleep(20);
  }
  rmSync(join(folder, recordName), { force: true });
}

function readRecord(folder: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, recordName), 'utf8')) as ProcessRecord;
  } catch {
    return undefined; // none, or one that a killed run did not finish
  }
}

/** The processes of that name whose working folder is `cwd`. Linux only, none elsewhere. */
export function processesIn(cwd: string, name: string): number[] {
  return processIds().filter((pid) => procText(pid, 'comm').trim() === name && workingFolder(pid) === cwd);
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number);
  } catch {
    return [];
  }
}

/** Empty for a process that is gone, or ended and not yet collected. */
function startOf(pid: number): string {
  // The name, in parentheses, may hold spaces; after it come the state (field 3) and, as field 22, the start.
  const fields = procText(pid, 'stat').split(') ').at(-1)?.split(' ') ?? [];
  return fields[0] === 'Z' ? '' : (fields[19] ?? '');
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Whether a process of this group is the one that listens on the port of 127.0.0.1. */
export function groupListensOn(group: number, port: number): boolean {
  const inode = listeningSocket(port);
  if (inode === undefined) return false;
  const members = processIds().filter((pid) => procText(pid, 'stat').split(') ').at(-1)?.split(' ')[2] === String(group));
  return members.some((pid) => descriptorsOf(pid).includes(`socket:[${inode}]`));
}

/** The inode of the socket that listens on the port of 127.0.0.1, if there is one. */
export function listeningSocket(port: number): string | undefined {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return rows.find((row) => row[1] === address && row[3] === '0A')?.[9];
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it ended, or closed one, while we looked
  }
}

function procText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
