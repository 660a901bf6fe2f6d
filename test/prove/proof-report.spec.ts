import type { Kept, Proof } from './proof';
import { proofReport } from './proof-report';

const proof = (name: string): Proof => ({ name, title: `The ${name}`, run: () => Promise.reject(new Error('not run here')) });
const kept: Kept = { name: 'units', holds: true, summary: '4 of 4', details: '| a |', profile: 'long', commit: 'abc', seconds: 7 };

it('shows the last finding of each proof with its commit', () => {
  expect(proofReport([proof('units')], [kept])).toContain(
    '## The units\n\n**Holds: 4 of 4**\n\n`npm run prove -- units`, long profile, commit abc, 7 s.\n\n| a |',
  );
});

it('says what does not hold, and what was not run', () => {
  const text = proofReport([proof('units'), proof('matrix')], [{ ...kept, holds: false }]);

  expect(text).toContain('**Does not hold: 4 of 4**');
  expect(text).toContain('## The matrix\n\n`npm run prove -- matrix` was not run.');
});
