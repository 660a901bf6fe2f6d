import { boot, loadSettings } from '#runtime';
import { Settings } from './config';
import { startAuditService } from './start-audit-service';

boot(() => startAuditService(loadSettings(Settings)));
