import { createServer, type Server } from 'node:http';
import { metrics } from './metrics';

/** Asks a dependency for a sign of life; throws or is late when it is away. */
export type ReadinessCheck = () => Promise<void> | void;

export interface Readiness {
  ready: boolean;
  dependencies: Record<string, 'up' | 'down'>;
}

const CHECK_TIMEOUT_MS = 2_000;

const withinTime = (check: ReadinessCheck): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('late')), CHECK_TIMEOUT_MS);
    Promise.resolve()
      .then(check)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });

/** Which dependency is down, by name only: its error stays in the log. */
export const readiness = async (checks: Record<string, ReadinessCheck>): Promise<Readiness> => {
  const names = Object.keys(checks);
  const results = await Promise.allSettled(names.map((name) => withinTime(checks[name]!)));
  const dependencies = Object.fromEntries(names.map((name, i) => [name, results[i]!.status === 'fulfilled' ? 'up' : 'down'] as const));
  return { ready: results.every(({ status }) => status === 'fulfilled'), dependencies };
};

const allMetrics = async (more: () => Promise<string>): Promise<string> =>
  (await Promise.all([metrics.metrics(), more().catch(() => '')])).join('\n');

/**
 * `/healthz` (the event loop turns), `/readyz` (200, or 503 naming what is down) and `/metrics` for a service without HTTP.
 * @param moreMetrics of another process, in the same format; families of ours must not be in it. Left out while it fails.
 * Listens before the service has connected to anything, so that a start that waits for a dependency can be seen.
 */
export const startHealthServer = async (
  port: number,
  address: string,
  checks: Record<string, ReadinessCheck>,
  moreMetrics: () => Promise<string> = async () => '',
): Promise<Server> => {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) => response.writeHead(status, { 'content-type': type }).end(body);
    const path = request.url?.split('?')[0];
    if (request.method !== 'GET') return answer(405, 'text/plain', 'only GET\n');
    if (path === '/healthz') return answer(200, 'application/json', '{"status":"up"}');
    if (path === '/readyz')
      return void readiness(checks).then((state) => answer(state.ready ? 200 : 503, 'application/json', JSON.stringify(state)));
    if (path === '/metrics') return void allMetrics(moreMetrics).then((text) => answer(200, metrics.contentType, text));
    return answer(404, 'text/plain', '/healthz /readyz /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return server;
};
