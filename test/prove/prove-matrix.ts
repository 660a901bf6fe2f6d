import { runBusMatrix } from './bus-matrix';
import type { Proof } from './proof';

export const proveMatrix: Proof = {
  name: 'matrix',
  title: 'Nobody gets in where he may not: each credential and each subject of the bus',
  run: runBusMatrix,
};
