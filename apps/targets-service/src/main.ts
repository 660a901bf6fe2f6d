import { boot, loadSettings } from '#runtime';
import { Settings } from './config';
import { startTargetsService } from './start-targets-service';

boot(() => startTargetsService(loadSettings(Settings)));
