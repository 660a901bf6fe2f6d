import { CRASH_POINTS, crashPoint, parseCrashPoint } from './crash-point';

describe('crash points', () => {
  it('are named once each', () => {
    expect(new Set(CRASH_POINTS).size).toBe(CRASH_POINTS.length);
  });

  it.each([
    [undefined, undefined],
    ['', undefined],
    ['relay.stored', { name: 'relay.stored', left: 1 }],
    ['relay.stored:3', { name: 'relay.stored', left: 3 }],
  ])('%j arms %j', (text, armed) => expect(parseCrashPoint(text)).toEqual(armed));

  it.each(['relay', 'relay.stored:0', 'relay.stored:', 'relay.stored:x', 'relay.stored;id'])('%j is refused', (text) =>
    expect(() => parseCrashPoint(text)).toThrow('no crash point'),
  );

  it('do nothing in a process that was not armed', () => {
    for (const name of CRASH_POINTS) crashPoint(name);
  });
});
