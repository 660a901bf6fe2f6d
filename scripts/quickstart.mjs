// `npm run quickstart`: packages and build first, then apps/all-in-one in this same process.
import { prepare } from './prepare.mjs';

prepare({ install: !process.argv.includes('--no-install') });
await import('../dist/apps/all-in-one/src/main.js');
