import { rmSync } from 'node:fs';
import { PrerequisitesMissing, installPrerequisites, missingPrerequisites } from '#embedded';
import { readOptions, type QuickstartOptions } from './options';
import { wayIn } from './print-way-in';
import { showPlans } from './show-plan';
import { startSpindle, type Endpoints, type Spindle } from './start-spindle';
import { takeTour } from './tour';

const say = (line: string) => process.stdout.write(`  ${line}\n`);

const seconds = (since: number): string => `${((Date.now() - since) / 1_000).toFixed(1)} s`;

/** Says what it does, and how it went. */
const step = async <T>(what: string, work: () => Promise<{ shown?: string | string[]; value: T }>): Promise<T> => {
  const since = Date.now();
  const slow = setTimeout(() => process.stdout.write(`… ${what}\n`), 500);
  try {
    const { shown = [], value } = await work();
    clearTimeout(slow);
    process.stdout.write(`✓ ${what} (${seconds(since)})\n`);
    for (const line of [shown].flat()) say(line);
    return value;
  } catch (error) {
    process.stdout.write(`✗ ${what} (${seconds(since)})\n`);
    throw error;
  } finally {
    clearTimeout(slow);
  }
};

const prepare = (options: QuickstartOptions): Promise<void> =>
  step('prerequisites', async () => {
    if (options.reset) rmSync(options.dataDir, { recursive: true, force: true });
    const groups = ['nats', 'storage-lab', 'initiator'] as const;
    if (options.install) await installPrerequisites(groups, say);
    else if (missingPrerequisites(groups).length > 0) throw new PrerequisitesMissing(missingPrerequisites(groups));
    return { value: undefined };
  });

const showPlan = ({ http_url: url, username, password }: Endpoints): Promise<void> =>
  step('what would be done to the storage node, and is not before the plan is accepted', async () => ({
    shown: await showPlans({ url, username, password }),
    value: undefined,
  }));

const untilToldToLeave = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });

const main = async (): Promise<void> => {
  const told = untilToldToLeave();
  const options = readOptions(process.argv.slice(2));
  await prepare(options);
  let spindle: Spindle | undefined;
  try {
    spindle = await step('start Postgres, NATS, the storage lab and the four services', async () => {
      const settings = options.plan ? { RECONCILE: 'plan' } : undefined;
      const value = await startSpindle({ ...options, settings, say });
      return { value };
    });
    const { endpoints } = spindle;
    const shown = options.plan ? showPlan(endpoints) : takeTour(spindle, step);
    await Promise.race([shown, told.then(() => Promise.reject(new Error('stopped')))]);
    process.stdout.write(`${wayIn(spindle, options.dataDir)}\n`);
    if (options.exit) return;
    process.stdout.write(`Serving on ${endpoints.http_url}. Ctrl-C ends it.\n`);
    await told;
  } finally {
    process.stdout.write('stopping …\n');
    await spindle?.stop();
  }
};

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
