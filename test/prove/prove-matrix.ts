import { runBusMatrix } from './bus-matrix';
import type { Finding, Proof } from './proof';
import { runRoleMatrix } from './role-matrix';

export const proveMatrix: Proof = {
  name: 'matrix',
  title: 'Nobody gets in where he may not: each role on each route and subject, each credential on each subject of the bus',
  run: async (profile, say) => together(await runRoleMatrix(profile, say), await runBusMatrix(profile, say)),
};

const together = (roles: Finding, bus: Finding): Finding => ({
  holds: roles.holds && bus.holds,
  summary: `roles: ${roles.summary}; bus: ${bus.summary}`,
  details: [roles.details, bus.details].join('\n\n'),
});
