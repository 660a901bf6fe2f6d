import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const recordName = 'process.json';

/** `since` tells a process from a later one with the same id: its start in clock ticks after boot. */
type ProcessRecord = { pid: number; since: string; starter: number; starterSince: string };

/** Remembers in `dir` which process group works on it, so that a later start can end one that was left behind. */
export function recordProcess(dir: string, pid: number): void {
  const record: ProcessRecord = { pid, since: startOf(pid), starter: process.pid, starterSince: startOf(process.pid) };
  writeFileSync(join(dir, recordName), JSON.stringify(record), { mode: 0o600 });
}

/**
 * Ends the process group that an earlier, killed run left at work on `dir`.
 *
 * @throws Error when its starter is alive: then it is in use, not left behind.
 */
export async function endStaleProcess(dir: string): Promise<void> {
  let record: ProcessRecord;
  try {
    record = JSON.parse(readFileSync(join(dir, recordName), 'utf8')) as ProcessRecord;
  } catch {
    return;
  }
  const isAtWork = (): boolean => startOf(record.pid) === record.since && workingFolder(record.pid) === dir;
  if (isAtWork()) {
    if (startOf(record.starter) === record.starterSince) throw new Error(`${dir} is in use by process ${record.starter}: stop that first.`);
    process.kill(-record.pid, 'SIGKILL');
    while (isAtWork()) await sleep(20);
  }
  rmSync(join(dir, recordName), { force: true });
}

function startOf(pid: number): string {
  // The name, in parentheses, may hold spaces; the start is field 22.
  return procText(pid, 'stat').split(') ').at(-1)?.split(' ')[19] ?? '';
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
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const members = pids.filter((pid) => procText(Number(pid), 'stat').split(') ').at(-1)?.split(' ')[2] === String(group));
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

function descriptorsOf(pid: string): string[] {
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
