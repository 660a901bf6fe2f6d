export { TOKEN_SECONDS, signAccessToken, verifyAccessToken, type AccessClaims, type VerifiedToken } from './access-token';
export { AnonymousRefusals } from './anonymous-refusals';
export { boot, type Service } from './boot';
export { BadSettings, commonSettings, healthSettings, loadSettings, readSecretFile, setting } from './env';
export { readiness, startHealthServer, type Readiness, type ReadinessCheck } from './health';
export { newId } from './ids';
export { createLog, nestLogger, type Logger } from './log';
export { collectProcessMetrics, counter, durations, gauge, metrics } from './metrics';
export { sleep } from './sleep';
