import { Refused, type ErrorCode } from '#contracts';
import { violatedConstraint } from './database-errors';

/**
 * Names what a unique index refused: only the database can tell for certain, since two may ask at once.
 * @throws Refused with the code that `codes` has for the index
 */
export const refuseTaken = async <T>(write: Promise<T>, codes: Record<string, ErrorCode>): Promise<T> => {
  try {
    return await write;
  } catch (error) {
    const code = codes[violatedConstraint(error) ?? ''];
    throw code ? new Refused(code) : error;
  }
};
