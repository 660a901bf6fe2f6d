import { runBusMatrix } from './bus-matrix';

it('each credential says and hears on the bus what the rule lets it, and forged reply subjects lead nowhere', async () => {
  const { holds, summary, details } = await runBusMatrix('short', () => undefined);

  expect({ holds, details: holds ? '' : details }).toEqual({ holds: true, details: '' });
  expect(summary).toMatch(/, 0 undecided, 0 unexpected; \d{3,} forged reply subjects, 0 with an effect$/);
}, 60_000);
