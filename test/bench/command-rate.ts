import type { Client } from 'pg';
import { newId } from '#runtime';
import { cpuOf, cpuRows } from './cpu';
import { closedLoop, openLoop, overHttp, overNats } from './load';
import { medianOf, one, percentiles, type Row } from './row';
import type { Inventory, World } from './world';

export const CLIENTS = 16;
/** Orchestrators of a whole school: commands of one moment share commits, so more clients cost less each. */
export const MANY = 64;
/** Share of the highest rate at which answers are timed. */
const LOAD = 0.8;

/** Two rows in one transaction: what Postgres itself can do on this machine in this minute. */
const bareRate = async (clients: Client[], ms: number): Promise<number> => {
  let done = 0;
  const since = performance.now();
  const client = async (connection: Client) => {
    const insert = (body: unknown) =>
      connection.query({ name: 'bare', text: 'INSERT INTO bare (id, body) VALUES ($1, $2)', values: [newId(), body] });
    while (performance.now() - since < ms) {
      await connection.query('BEGIN');
      await insert({ status: 'PENDING' });
      await insert({ status: 'ACTIVE' });
      await connection.query('COMMIT');
      done++;
    }
  };
  await Promise.all(clients.map(client));
  return done / ((performance.now() - since) / 1_000);
};

/** Rounds of both take turns, so that what else the machine does meets both. */
export const commandRates = async (world: World, inventory: Inventory, rounds: number, ms: number): Promise<Row[]> => {
  await world.sql.query('CREATE DATABASE bare');
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => world.client('bare')));
  await clients[0]!.query('CREATE TABLE bare (id uuid PRIMARY KEY, body jsonb NOT NULL)');
  const bare: number[] = [];
  const nats: number[] = [];
  await closedLoop(world, inventory, overNats, MANY, ms);
  const cpu: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await bareRate(clients, ms));
    const before = cpuOf(world);
    const { perSecond, took } = await closedLoop(world, inventory, overNats, MANY, ms);
    nats.push(perSecond);
    if (round === rounds - 1) cpu.push(...cpuRows('a command over NATS', before, cpuOf(world), took.length));
  }
  await Promise.all(clients.map((client) => client.end()));
  const fastest = medianOf('create and delete over NATS, 64 clients', nats, 'commands/s');
  const { took, perSecond } = await openLoop(world, inventory, overNats, fastest.value * LOAD, ms * 2);
  return [
    medianOf('two inserts in a transaction, 16 clients', bare, 'transactions/s'),
    fastest,
    medianOf(
      'commands to bare transactions',
      nats.map((rate, round) => (100 * rate) / bare[round]!),
      '%',
    ),
    ...cpu,
    one('offered at 80 % load and done', perSecond, 'commands/s'),
    ...percentiles('command over NATS at 80 % load', took),
  ];
};

export const httpRates = async (world: World, inventory: Inventory, rounds: number, ms: number): Promise<Row[]> => {
  const http: number[] = [];
  const nats: number[] = [];
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    nats.push((await closedLoop(world, inventory, overNats, CLIENTS, ms)).perSecond);
    const load = await closedLoop(world, inventory, overHttp, CLIENTS, ms);
    http.push(load.perSecond);
    took.push(...load.took);
  }
  return [
    medianOf('create and delete over HTTP, 16 clients', http, 'commands/s'),
    medianOf(
      'HTTP to NATS',
      http.map((rate, round) => (100 * rate) / nats[round]!),
      '%',
    ),
    ...percentiles('command over HTTP, 16 clients', took),
  ];
};
