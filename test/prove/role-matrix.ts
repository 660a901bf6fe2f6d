import { REQUESTS, type RequestContract } from '#contracts';
import { newId } from '#runtime';
import type { Finding, Profile } from './proof';
import { equipAskers, type EquippedAsker } from './role-askers';
import { LEFT_TO_THE_BUS, ROUTE_RULE, SUBJECT_RULE, expected, type Decision } from './role-rule';
import { startWorld, type Answer, type World } from './role-world';

const requests: readonly RequestContract[] = REQUESTS;
/** Answered, or refused for another reason than who asks. Not 429, 500 and 503: those decide nothing. */
const PASSES = new Set([200, 201, 202, 400, 404, 409, 422]);
const SIGNS: Record<Decision, string> = { passes: '+', '401': '1', '403': '3' };
/** Asked at once, so that two cores are busy and no limit is met. */
const AT_ONCE = 8;

interface Cell {
  action: string;
  asker: EquippedAsker;
  got: Decision | undefined;
  wanted: Decision | undefined;
  status: number;
}

/**
 * Each one who may come to a door x each route, and x each subject, on the services that run; the expectation is a table of its own. Both
 * profiles ask everything.
 */
export const runRoleMatrix = async (_profile: Profile, say: (line: string) => void): Promise<Finding> => {
  const world = await startWorld();
  try {
    const askers = await equipAskers(world);
    const registered = await world.subjects();
    const subjects = registered.filter((subject) => !LEFT_TO_THE_BUS.test(subject));
    const routes = await routesOf(world);
    say(`${askers.length} askers, ${routes.length} routes, ${subjects.length} subjects`);
    const cells = [
      ...(await walk(routes, askers, ROUTE_RULE, (route, authorization) => askRoute(world, route, authorization))),
      ...(await walk(subjects, askers, SUBJECT_RULE, (subject, authorization) => world.ask(subject, inputOf(subject), authorization))),
    ];
    const unanswered = [...linesWithout(ROUTE_RULE, routes), ...linesWithout(SUBJECT_RULE, subjects)];
    return findingOf(cells, askers, unanswered, registered.length - subjects.length);
  } finally {
    await world.stop();
  }
};

/** As the gateway publishes them, and the pages that its document does not name. */
const routesOf = async (world: World): Promise<string[]> => {
  const { body } = await world.http('GET', '/docs/openapi.json', undefined, undefined);
  const paths = Object.entries(body['paths'] as Record<string, object>);
  const named = paths.flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  return [...named, 'GET /docs', 'GET /docs/openapi.json'];
};

/**
 * What is well formed and changes nothing, since it names nothing that is there; a field that is unknown where that cannot be, which is
 * refused after it was decided who asks.
 */
const inputOf = (subject: string): object => {
  const contract = requests.find((request) => request.subject === subject);
  const candidates = [{}, { id: newId() }, { machine_id: newId() }];
  return candidates.find((input) => contract?.input.safeParse(input).success) ?? { nonsense: true };
};

const askRoute = (world: World, route: string, authorization: string | undefined): Promise<Answer> => {
  const [method = '', path = ''] = route.split(' ');
  const subject = requests.find(({ http }) => `${http.method} /api/v1${http.path}` === route)?.subject;
  const isNonsense = subject !== undefined && 'nonsense' in inputOf(subject);
  const hasBody = isNonsense && (method === 'POST' || method === 'PATCH');
  return world.http(
    method,
    path.replace(/\{\w+\}/g, () => newId()),
    hasBody ? { nonsense: true } : undefined,
    authorization,
  );
};

const walk = async (
  actions: string[],
  askers: EquippedAsker[],
  rule: Record<string, string>,
  ask: (action: string, authorization: string | undefined) => Promise<Answer>,
): Promise<Cell[]> => {
  const pairs = actions.flatMap((action) => askers.map((asker) => ({ action, asker })));
  const cells: Cell[] = [];
  for (let at = 0; at < pairs.length; at += AT_ONCE)
    cells.push(
      ...(await Promise.all(
        pairs.slice(at, at + AT_ONCE).map(async ({ action, asker }) => {
          const { status } = await ask(action, asker.authorization).catch(() => ({ status: 0 }));
          return { action, asker, status, got: decisionOf(status), wanted: expected(action, rule[action], asker) };
        }),
      )),
    );
  return cells;
};

const decisionOf = (status: number): Decision | undefined => {
  if (status === 401) return '401';
  if (status === 403) return '403';
  return PASSES.has(status) ? 'passes' : undefined;
};

const linesWithout = (rule: Record<string, string>, answered: string[]): string[] =>
  Object.keys(rule).filter((action) => !answered.includes(action));

const findingOf = (cells: Cell[], askers: EquippedAsker[], unanswered: string[], leftToTheBus: number): Finding => {
  const undecided = cells.filter(({ got, wanted }) => got === undefined || wanted === undefined);
  const unexpected = cells.filter(({ got, wanted }) => got !== undefined && wanted !== undefined && got !== wanted);
  const count = (decision: Decision) => cells.filter(({ got }) => got === decision).length;
  const actions = [...new Set(cells.map(({ action }) => action))];
  const width = Math.max(...actions.map((action) => action.length));
  const rows = actions.map((action) => {
    const signs = cells.filter((cell) => cell.action === action).map(({ got }) => (got ? SIGNS[got] : '?'));
    return `${action.padEnd(width)}  ${signs.join(' ')}`;
  });
  const wrong = [...undecided, ...unexpected].map(
    ({ action, asker, status, wanted }) => `- ${action}, ${asker.name}: ${status}, expected ${wanted ?? 'nothing: no line in the table'}`,
  );
  const holds = wrong.length === 0 && unanswered.length === 0;
  return {
    holds,
    summary:
      `${cells.length} cells (${askers.length} askers x ${actions.length} routes and subjects): ${count('passes')} pass, ${count('401')} are ` +
      `unknown (401), ${count('403')} forbidden (403); ${undecided.length + unanswered.length} undecided, ${unexpected.length} unexpected`,
    details: [
      'Role x route and role x subject: `+` passes the door, `1` 401, `3` 403. The columns:',
      '',
      ...askers.map(({ name }, at) => `${at + 1}. ${name}`),
      '',
      '```',
      ...rows,
      '```',
      '',
      `${leftToTheBus} subjects of storage nodes take no token: the bus decides on them.`,
      ...wrong,
      ...unanswered.map((action) => `- ${action}: nothing answers to this line of the table`),
    ].join('\n'),
  };
};
