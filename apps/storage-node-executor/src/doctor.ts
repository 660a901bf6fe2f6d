import { BadSettings, loadSettings } from '#runtime';
import { checkNode, nodeVersions } from './check-node';
import { Settings } from './config';

/** `npm run doctor`: what this machine lacks to be a storage node, for people. Ends with 1 when anything does. */
const main = (): number => {
  const checks = checkNode(loadSettings(Settings.extend({ NODE_ID: Settings.shape.NODE_ID.default('doctor') })));
  for (const { name, ok, detail, fix } of checks) {
    process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(20)} ${detail}\n`);
    if (fix) process.stdout.write(`     ${''.padEnd(20)} -> ${fix}\n`);
  }
  process.stdout.write(`versions: ${JSON.stringify(nodeVersions('0.1.0'))}\n`);
  return checks.every(({ ok }) => ok) ? 0 : 1;
};

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof BadSettings)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
