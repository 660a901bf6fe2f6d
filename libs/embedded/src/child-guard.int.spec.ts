import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { haveEnded, isRunning, runElsewhere } from '../test/other-process';
import { spawnGuarded } from './child-guard';

const startFamily = `
  const child = spawnGuarded('sh', ['-c', 'sleep 1000 & echo $!; wait'], { stdio: ['pipe', 'inherit'] });
  child.process.stdout.on('data', (grandchild) => console.log(child.pid + ' ' + String(grandchild).trim()));
`;

jest.setTimeout(30_000);

describe('a guarded child', () => {
  it('ends with its own children when its starter is killed with SIGKILL', async () => {
    const { starter, said } = await runElsewhere(startFamily);
    const family = said.split(' ').map(Number);
    expect(family.map(isRunning)).toEqual([true, true]);

    starter.kill('SIGKILL');

    expect(await haveEnded(family)).toBe(true);
  });

  it('is spared by a Ctrl-C in the terminal, which is for its starter', async () => {
    const { starter, said } = await runElsewhere(`process.on('SIGINT', () => undefined); ${startFamily}`);
    const family = said.split(' ').map(Number);

    process.kill(-starter.pid, 'SIGINT');
    await sleep(200);

    expect(family.map(isRunning)).toEqual([true, true]);
    starter.kill('SIGKILL');
    expect(await haveEnded(family)).toBe(true);
  });

  it('takes its children along when it ends by itself', async () => {
    const child = spawnGuarded('sh', ['-c', 'sleep 1000 & echo $!; sleep 0.1'], { stdio: ['pipe', 'inherit'] });
    const [grandchild] = (await once(child.process.stdout!, 'data')) as [Buffer];

    await child.ended;

    expect(await haveEnded([Number(grandchild.toString())])).toBe(true);
  });

  it('that ignores the orderly stop is killed after its grace', async () => {
    const child = spawnGuarded('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'], { stdio: ['pipe', 'inherit'] });
    await once(child.process.stdout!, 'data');

    const ending = await child.stop('SIGTERM', 100);

    expect(ending).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('that cannot be found ends with code 127', async () => {
    const { code } = await spawnGuarded('no-such-program', []).ended;

    expect(code).toBe(127);
  });
});
