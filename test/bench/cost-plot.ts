import type { Row } from './row';

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [860, 460, 80, 270, 30, 50];
const COLOURS = ['#0b6e4f', '#2a9d8f', '#264653', '#e9c46a', '#f4a261', '#d62828', '#8338ec'];

interface Series {
  name: string;
  points: [number, number][];
}

/** `<who> create, <n> others` of one who is a line. */
const seriesOf = (rows: Row[]): Series[] => {
  const series = new Map<string, [number, number][]>();
  for (const { name, value } of rows) {
    const [, who, others] = /^(.+) create, (\d+) others$/.exec(name) ?? [];
    if (who) series.set(who, [...(series.get(who) ?? []), [Number(others), value]]);
  }
  return [...series].map(([name, points]) => ({ name, points: points.sort(([a], [b]) => a - b) }));
};

/** Cost of one more target against how many there are, on a logarithmic scale. SVG, without any library: five lines and an axis. */
export const costPlot = (rows: Row[]): string => {
  const series = seriesOf(rows);
  const all = series.flatMap(({ points }) => points);
  const most = Math.max(1, ...all.map(([others]) => others));
  const decades = [
    Math.floor(Math.log10(Math.min(...all.map(([, ms]) => ms)))),
    Math.ceil(Math.log10(Math.max(...all.map(([, ms]) => ms)))),
  ] as const;
  const x = (others: number) => LEFT + (others / most) * (WIDTH - LEFT - RIGHT);
  const y = (ms: number) => HEIGHT - BOTTOM - ((Math.log10(ms) - decades[0]) / (decades[1] - decades[0])) * (HEIGHT - TOP - BOTTOM);
  const text = (at: [number, number], anchor: string, words: string) =>
    `<text x="${at[0].toFixed(0)}" y="${at[1].toFixed(0)}" text-anchor="${anchor}">${words}</text>`;
  const grid = Array.from({ length: decades[1] - decades[0] + 1 }, (_, i) => 10 ** (decades[0] + i)).flatMap((ms) => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(ms).toFixed(1)}" y2="${y(ms).toFixed(1)}" stroke="#ddd"/>`,
    text([LEFT - 8, y(ms) + 4], 'end', `${ms >= 1 ? ms.toLocaleString('en') : ms} ms`),
  ]);
  const ticks = [...new Set(all.map(([others]) => others))].map((others) =>
    text([x(others), HEIGHT - BOTTOM + 20], 'middle', others.toLocaleString('en')),
  );
  const lines = series.flatMap(({ name, points }, nth) => {
    const colour = COLOURS[nth % COLOURS.length]!;
    const end = points.at(-1)!;
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(([others, ms]) => `${x(others).toFixed(1)},${y(ms).toFixed(1)}`).join(' ')}"/>`,
      ...points.map(([others, ms]) => `<circle cx="${x(others).toFixed(1)}" cy="${y(ms).toFixed(1)}" r="3" fill="${colour}"/>`),
      `<g fill="${colour}">${text([x(end[0]) + 8, y(end[1]) + 4], 'start', name)}</g>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...grid,
    ...ticks,
    text([(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10], 'middle', 'targets that are there already'),
    text([LEFT, 18], 'start', 'creating one more complete target'),
    ...lines,
    '</svg>',
    '',
  ].join('\n');
};
