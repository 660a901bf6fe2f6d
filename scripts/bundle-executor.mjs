// Each part of the storage-node-executor as one file, dist/storage-node-executor/: it is what runs on nodes and in the storage lab. A start
// that reads one file in place of a thousand takes three fifths of the time where system calls are dear, as in the lab's kernel.
import { buildSync } from 'esbuild';
import { root } from './prepare.mjs';

/** What Nest can do for others: it asks for each only where it is used. */
const NOT_USED = [
  '@nestjs/platform-express',
  '@nestjs/websockets',
  'class-transformer',
  'class-validator',
  ...['@grpc/grpc-js', '@grpc/proto-loader', 'amqp-connection-manager', 'amqplib', 'ioredis', 'kafkajs', 'mqtt'],
];

buildSync({
  absWorkingDir: root,
  entryPoints: ['main', 'root-main'].map((name) => `dist/apps/storage-node-executor/src/${name}.js`),
  outdir: 'dist/storage-node-executor',
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: NOT_USED.flatMap((name) => [name, `${name}/*`]),
  logLevel: 'warning',
});
