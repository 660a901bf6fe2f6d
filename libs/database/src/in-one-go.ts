import type { Writable } from 'node:stream';
import { QueryFailedError, type EntityManager } from 'typeorm';
import type { ErrorCode } from '#contracts';
import { refuseUnwritten } from './refuse-unwritten';

export interface Statement {
  /**
   * Under which a connection keeps it prepared: always the same text, and columns by their names. The answer to `*` changes when a newer version
   * adds one, and Postgres then refuses what it has prepared.
   */
  name: string;
  text: string;
  values: unknown[];
  /** For what must stand with everything else, see `refuseUnwritten`. */
  unwritten?: ErrorCode;
}

/** What of pg's client is used here: it sends in the order of the calls and does not wait (`pipeline`, options.ts). */
interface Client {
  query: (statement: Omit<Statement, 'unwritten'>) => Promise<{ rows: unknown[] }>;
  connection: { stream: Pick<Writable, 'cork' | 'uncork'> };
}

/**
 * Runs statements in order that do not need each other's answers, in one round trip. When one fails, so do those behind it, and the
 * transaction with them.
 * @returns the rows of each
 */
export const inOneGo = async (tx: EntityManager, statements: Statement[]): Promise<unknown[][]> => {
  const client = (await tx.queryRunner!.connect()) as Client;
  const { stream } = client.connection;
  stream.cork(); // in one packet, so that the server wakes once
  const sent = statements.map(({ unwritten, ...statement }) => {
    const answer = client.query(statement).catch((error: Error) => {
      throw new QueryFailedError(statement.text, [], error);
    });
    return unwritten ? refuseUnwritten(answer, unwritten) : answer;
  });
  stream.uncork();
  const answers = await Promise.allSettled(sent);
  return answers.map((answer) => {
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value.rows;
  });
};
