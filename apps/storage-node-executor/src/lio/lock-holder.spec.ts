import { parseLocks } from './lock-holder';

const LOCKS = `1: POSIX  ADVISORY  WRITE 88 00:16:71 0 EOF
2: FLOCK  ADVISORY  WRITE 412 00:16:27 0 EOF
2: -> FLOCK  ADVISORY  WRITE 500 00:16:27 0 EOF
3: FLOCK  ADVISORY  WRITE 413 08:01:28 0 EOF
`;

test('who holds a lock and who waits for it are told apart', () => {
  expect(parseLocks(LOCKS, 27)).toEqual([
    { pid: 412, waits: false },
    { pid: 500, waits: true },
  ]);
});

test('locks of another kind or on another file do not count', () => {
  expect(parseLocks(LOCKS, 71)).toEqual([]);
  expect(parseLocks('', 27)).toEqual([]);
});
