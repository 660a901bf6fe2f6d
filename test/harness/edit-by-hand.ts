import type { StorageLab } from '#embedded';
import type { DriftKind, ToDrift } from './drift-kinds';

export interface Edit {
  kind: DriftKind;
  target: ToDrift;
}

const marker = (at: number): string => `edit-${at}-done`;

/** A command of targetcli that does nothing but to name, on stderr, a bookmark that does not exist. */
const marked = ({ kind, target }: Edit, at: number): string[] => (kind.targetcli ? [...kind.targetcli(target), `@${marker(at)} pwd`] : []);

/** An administrator's own targetcli, and what it says, line by line with the time before it in microseconds. */
const targetcliScript = (edits: Edit[]): string => `export HOME=/run/home TARGETCLI_HOME=/run/admin; mkdir -p $TARGETCLI_HOME
targetcli <<'END' 2>&1 | bash -c 'while IFS= read -r line; do echo "\${EPOCHREALTIME/./} $line"; done'
set global color_mode=false
set global auto_save_on_exit=false
${edits.flatMap(marked).join('\n')}
END`;

const shellScript = (edits: Edit[]): string =>
  edits
    .flatMap(({ kind, target }, at) =>
      kind.shell ? [`(set -e; cd /sys/kernel/config/target`, ...kind.shell(target), `) && echo "$(date +%s%6N) ${marker(at)}"`] : [],
    )
    .join('\n');

/**
 * Does the edits, those of targetcli in one process of it.
 * @returns for each when it was done, in milliseconds by the clock of the lab, which is the host's
 * @throws Error when one was refused
 */
export const editByHand = async (lab: StorageLab, edits: Edit[]): Promise<number[]> => {
  let said = '';
  for (const script of [edits.some(({ kind }) => kind.targetcli) ? targetcliScript(edits) : '', shellScript(edits)]) {
    const { stdout, stderr } = script ? await lab.exec(script, { timeoutMs: 120_000 }) : { stdout: '', stderr: '' };
    said += stdout;
    const refused = stdout.split('\n').filter((line) => line.includes('Error: ') && !line.includes('No such bookmark edit-'));
    if (refused.length > 0 || stderr.trim()) throw new Error(`an edit was refused:\n${refused.join('\n')}${stderr}`);
  }
  return edits.map(({ kind }, at) => {
    const done = said.split('\n').findLast((line) => line.includes(marker(at)));
    if (!done) throw new Error(`not done: ${kind.name}\n${said.slice(-2_000)}`);
    return Number(done.split(' ')[0]) / 1_000;
  });
};
