/**
 * Who may do what, written down a second time by hand and not from the product's own table: what the matrix expects. A subject or route
 * that has no line here is undecided, and so is a line that nothing answers.
 *
 * v viewer, o operator, u auditor, a admin.
 */
export const SUBJECT_RULE: Record<string, string> = {
  'auth.login': 'anybody',
  'auth.exchange': 'voua',
  'targets.create': 'oa',
  'targets.list': 'voua',
  'targets.get-by-machine': 'voua',
  'targets.get': 'voua',
  'targets.status': 'voua',
  'targets.delete': 'oa',
  'targets.restart': 'oa',
  'targets.rotate-chap': 'oa',
  'machines.create': 'oa',
  'machines.list': 'voua',
  'machines.get': 'voua',
  'machines.update': 'oa',
  'machines.delete': 'oa',
  'images.create': 'oa',
  'images.list': 'voua',
  'images.get': 'voua',
  'images.update': 'oa',
  'images.delete': 'oa',
  'sessions.create': 'oa',
  'sessions.list': 'voua',
  'sessions.get': 'voua',
  'sessions.update': 'oa',
  'sessions.delete': 'oa',
  'users.create': 'a',
  'users.list': 'a',
  'users.get': 'a',
  'users.update': 'a',
  'users.delete': 'a',
  'tokens.create': 'voua',
  'tokens.list': 'voua',
  'tokens.revoke': 'voua',
  'nodes.list': 'voua',
  'nodes.update': 'a',
  'nodes.adopt': 'a',
  'nodes.plan': 'voua',
  'nodes.accept-plan': 'a',
  'audit.search': 'ua',
  'audit.checkpoint': 'ua',
  'audit.inclusion': 'ua',
  'audit.consistency': 'ua',
  'audit.export': 'ua',
};

/** Of nodes, not of people: whether somebody may say it is for the bus to decide, and in the matrix of its credentials. */
export const LEFT_TO_THE_BUS = /^storage-node\./;

export const ROUTE_RULE: Record<string, string> = {
  'POST /api/v1/auth/login': 'anybody',
  'POST /api/v1/auth/exchange': 'voua',
  'POST /api/v1/targets': 'oa',
  'GET /api/v1/targets': 'voua',
  'GET /api/v1/targets/machine/{machine_id}': 'voua',
  'GET /api/v1/targets/{id}': 'voua',
  'GET /api/v1/targets/{id}/status': 'voua',
  'DELETE /api/v1/targets/{id}': 'oa',
  'POST /api/v1/targets/{id}/restart': 'oa',
  'POST /api/v1/targets/{id}/chap/rotate': 'oa',
  'POST /api/v1/machines': 'oa',
  'GET /api/v1/machines': 'voua',
  'GET /api/v1/machines/{id}': 'voua',
  'PATCH /api/v1/machines/{id}': 'oa',
  'DELETE /api/v1/machines/{id}': 'oa',
  'POST /api/v1/images': 'oa',
  'GET /api/v1/images': 'voua',
  'GET /api/v1/images/{id}': 'voua',
  'PATCH /api/v1/images/{id}': 'oa',
  'DELETE /api/v1/images/{id}': 'oa',
  'POST /api/v1/sessions': 'oa',
  'GET /api/v1/sessions': 'voua',
  'GET /api/v1/sessions/{id}': 'voua',
  'PATCH /api/v1/sessions/{id}': 'oa',
  'DELETE /api/v1/sessions/{id}': 'oa',
  'POST /api/v1/users': 'a',
  'GET /api/v1/users': 'a',
  'GET /api/v1/users/{id}': 'a',
  'PATCH /api/v1/users/{id}': 'a',
  'DELETE /api/v1/users/{id}': 'a',
  'POST /api/v1/tokens': 'voua',
  'GET /api/v1/tokens': 'voua',
  'DELETE /api/v1/tokens/{id}': 'voua',
  'GET /api/v1/nodes': 'voua',
  'PATCH /api/v1/nodes/{id}': 'a',
  'POST /api/v1/nodes/{id}/adopt': 'a',
  'GET /api/v1/nodes/{id}/plan': 'voua',
  'POST /api/v1/nodes/{id}/plan/accept': 'a',
  'GET /api/v1/audit': 'ua',
  'GET /api/v1/audit/checkpoint': 'ua',
  'GET /api/v1/audit/inclusion': 'ua',
  'GET /api/v1/audit/consistency': 'ua',
  'GET /api/v1/audit/export': 'ua',
  'GET /api/v1/events': 'voua',
  'GET /healthz': 'anybody',
  'GET /readyz': 'anybody',
  'GET /metrics': 'anybody',
  'GET /docs': 'anybody',
  'GET /docs/openapi.json': 'anybody',
};

/** What an API token never does, and what nothing but one does. */
const LOGIN_ALONE = /^tokens\.create$|^POST .*\/tokens$/;
const API_TOKEN_ALONE = /^auth\.exchange$|^POST .*\/auth\/exchange$/;
/** Answered by whoever knows the public key alone: what was signed holds there until it ends, 15 minutes at the most. */
const WITHOUT_USERS = /^audit\.|^GET .*\/(audit|events)/;

export type Decision = 'passes' | '401' | '403';

/** Somebody who asks, as this table knows them. */
export interface Asker {
  name: string;
  /** By where users are known: a letter of the rule, or undefined for who is let in nowhere. */
  role?: 'v' | 'o' | 'u' | 'a';
  /** By where they are not, when that is something else. */
  roleOnPaper?: 'v' | 'o' | 'u' | 'a';
  proof?: 'login' | 'api-token';
}

/** undefined when no line has the action. */
export const expected = (action: string, rule: string | undefined, asker: Asker): Decision | undefined => {
  if (rule === undefined) return undefined;
  if (rule === 'anybody') return 'passes';
  const role = WITHOUT_USERS.test(action) ? (asker.roleOnPaper ?? asker.role) : asker.role;
  if (role === undefined) return '401';
  if (!rule.includes(role)) return '403';
  if (LOGIN_ALONE.test(action) && asker.proof !== 'login') return '403';
  return API_TOKEN_ALONE.test(action) && asker.proof !== 'api-token' ? '403' : 'passes';
};
