import { hasWideRegisters } from './wide-registers';

const cpuinfo = (flags: string): string => `processor\t: 0\nmodel name\t: Some CPU amx_tile\nflags\t\t: ${flags}\nbugs\t\t:\n`;

it('knows a CPU with AMX by its flags', () => {
  expect(hasWideRegisters(cpuinfo('fpu avx512f amx_bf16 amx_tile amx_int8'))).toBe(true);
});

it.each(['fpu sse2', 'fpu avx avx2 avx512f pku', 'fpu amx_tiles'])('knows that a CPU with %s has none', (flags) => {
  expect(hasWideRegisters(cpuinfo(flags))).toBe(false);
});
