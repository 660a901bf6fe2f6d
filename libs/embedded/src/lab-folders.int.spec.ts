import { execFileSync } from 'node:child_process';
import { environmentFile } from './lab-folders';
import { kernelLine } from './lab-kernel';

describe('what the storage lab is told', () => {
  it.each(['plain', "it's", 'two\nlines', '$HOME `id` "quoted" \\ back', ''])(
    'brings the value %j through the shell unchanged',
    (value) => {
      const script = `${environmentFile({ VALUE: value })}printf %s "$VALUE"`;

      expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(value);
    },
  );

  it('holds no name that the shell would run', () => {
    expect(() => environmentFile({ 'A;id': '' })).toThrow('not a name');
  });

  it.each(['/data/my lab', '/data/my,lab'])('refuses %s, which the kernel line would cut', (dir) => {
    expect(() => kernelLine({ dir, init: '/init.sh', memMb: 64, portalPort: 1, healthPort: 2 })).toThrow('no spaces or commas');
  });
});
