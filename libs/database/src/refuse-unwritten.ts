import { QueryFailedError } from 'typeorm';
import { Refused, type ErrorCode } from '#contracts';
import { connectionLost, mustTryAgain } from './database-errors';

/**
 * For a row without which nothing else may stand: whatever keeps the table from taking it (a right, a lock, a full disk, a
 * constraint) ends the transaction, and the caller is told which row it was about. A lost connection and a conflict of two
 * transactions say nothing of the table, and are left to the transaction.
 * @throws Refused with `code`
 */
export const refuseUnwritten = async <T>(write: Promise<T>, code: ErrorCode): Promise<T> => {
  try {
    return await write;
  } catch (error) {
    if (mustTryAgain(error) || connectionLost(error)) throw error;
    // The values of a query may be secret, and errors are logged with what caused them.
    if (error instanceof QueryFailedError) Object.assign(error, { parameters: [] });
    throw new Refused(code, {}, { cause: error });
  }
};
