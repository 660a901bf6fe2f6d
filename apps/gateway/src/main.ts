import { boot, collectProcessMetrics, createLog, loadSettings } from '#runtime';
import { AccessKey } from './auth.guard';
import { Settings } from './config';
import { createGateway, leave, listen } from './create-gateway';

boot(async () => {
  const settings = loadSettings(Settings);
  const key = AccessKey.fromFile(settings.AUTH_PUBLIC_KEY_FILE);
  const log = createLog('gateway', settings.LOG_LEVEL);
  collectProcessMetrics('gateway');
  const app = await createGateway(settings, key, log);
  await listen(app, settings.HTTP_PORT, settings.HTTP_ADDRESS);
  return { log, close: () => leave(app) };
});
