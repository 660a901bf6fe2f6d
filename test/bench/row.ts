/** One figure of a report. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  /** Lowest and highest of the rounds behind a median; null for what was measured once. */
  spread: [number, number] | null;
  /** How it came about, where that is not by measuring. */
  note?: string;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

export const one = (name: string, value: number, unit: string): Row => ({ name, value: rounded(value), unit, spread: null });

/** The median of rounds. */
export const medianOf = (name: string, values: number[], unit: string): Row => {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    name,
    value: rounded(sorted[Math.floor(sorted.length / 2)]!),
    unit,
    spread: [rounded(sorted[0]!), rounded(sorted.at(-1)!)],
  };
};

export const percentile = (values: number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
};

export const percentiles = (name: string, values: number[]): Row[] => [
  one(`${name}, p50`, percentile(values, 0.5), 'ms'),
  one(`${name}, p99`, percentile(values, 0.99), 'ms'),
];

export const asTable = (rows: Row[]): string => {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, value, unit, spread, note }) => {
      const range = spread ? `  (${spread[0]} to ${spread[1]})` : '';
      return `${name.padEnd(width)}  ${String(value).padStart(9)} ${unit}${range}${note ? `  ${note}` : ''}`;
    })
    .join('\n');
};
