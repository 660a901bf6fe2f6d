import { REQUESTS, type RequestContract } from '#contracts';
import { createLog, loadSettings } from '#runtime';
import { AccessKey } from './auth.guard';
import { Settings } from './config';
import { createGateway } from './create-gateway';

interface Layer {
  route?: { path: string; methods: Record<string, boolean> };
}

/** What is no request of the contract. */
const OTHERS = ['GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /api/v1/events'];

const registeredRoutes = async (): Promise<string[]> => {
  const settings = loadSettings(Settings, { AUTH_PUBLIC_KEY_FILE: 'unused' });
  const app = await createGateway(settings, new AccessKey('unused'), createLog('gateway', 'silent'));
  await app.init();
  const { router } = app.getHttpAdapter().getInstance() as { router: { stack: Layer[] } };
  const routes = router.stack.flatMap(({ route }) =>
    route ? Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path.replace(/:(\w+)/g, '{$1}')}`) : [],
  );
  await app.close();
  return routes;
};

describe('the routes', () => {
  it('are exactly those of the contract', async () => {
    const routes = (await registeredRoutes()).filter((route) => !route.includes(' /docs'));

    const contract = (REQUESTS as readonly RequestContract[]).map(({ http }) => `${http.method} /api/v1${http.path}`);
    expect([...routes].sort()).toEqual([...contract, ...OTHERS].sort());
  });

  it('match targets/machine/{machine_id} before targets/{id}', async () => {
    const routes = await registeredRoutes();

    expect(routes.indexOf('GET /api/v1/targets/machine/{machine_id}')).toBeLessThan(routes.indexOf('GET /api/v1/targets/{id}/status'));
  });
});
