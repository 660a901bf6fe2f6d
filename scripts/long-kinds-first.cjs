// In which order jest takes the files: long ones first, so that none is left over alone at the end.
const { dirname, basename } = require('node:path');
const { statSync } = require('node:fs');
const Sequencer = require('@jest/test-sequencer').default;

/** By their longest file. */
const KINDS = ['e2e', 'chaos', 'lio', 'prove'];

/** Not by the times of earlier runs, as jest does: every run meets the same order, also the first one in a fresh clone. */
module.exports = class LongKindsFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => KINDS.indexOf(basename(dirname(path)));
    const size = ({ path }) => statSync(path).size;
    return [...tests].sort((a, b) => rank(a) - rank(b) || size(b) - size(a));
  }
};
