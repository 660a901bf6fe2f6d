import { boot, loadSettings } from '#runtime';
import { BusSettings } from './config';
import { startExecutor } from './start-executor';

process.umask(0o077);
boot(() => startExecutor(loadSettings(BusSettings)));
