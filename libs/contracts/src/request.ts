import type { z } from 'zod';
import type { ErrorCode } from './error-codes';
import { Refused, type FieldError } from './refused';
import { ERROR_CODES } from './error-codes';

/** Bodies over this are refused by us with PAYLOAD_TOO_LARGE; the NATS server's own limit is higher. Bytes. */
export const MAX_BODY_BYTES = 65_536;

export interface HttpRoute {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below /api/v1; `{name}` stands for the field of that name in the input. */
  path: string;
  /** Answers that are no error, most usual first. */
  success: readonly number[];
}

/** One request of the public contract: what HTTP, NATS and the two documents are made from. */
export interface RequestContract<S extends string = string, I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** NATS subject, and the name of the action in permissions and in the audit trail. */
  subject: S;
  /** `command`: changes something, so it is audited, allowed or not. `query`: only its refusals are. */
  kind: 'command' | 'query';
  summary: string;
  input: I;
  output: O;
  http: HttpRoute;
  /** Codes beyond those that every request can be answered with. */
  errors: readonly ErrorCode[];
}

export const request = <const S extends string, I extends z.ZodType, O extends z.ZodType>(
  contract: RequestContract<S, I, O>,
): RequestContract<S, I, O> => contract;

export type InputOf<C extends RequestContract> = z.output<C['input']>;
export type OutputOf<C extends RequestContract> = z.output<C['output']>;

/**
 * A name that a client made up, fit for an answer: what is invisible in it, looks like another letter or turns the direction is shown by
 * its code.
 */
export const shownName = (name: string): string =>
  name
    .slice(0, 200)
    .replace(/[^\x20-\x7e]|\\/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .slice(0, 200);

const fieldErrors = (issue: z.core.$ZodIssue): FieldError[] => {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ field: shownName([...path, key].join('.')), code: 'UNKNOWN_FIELD', message: 'is unknown' }));
  const field = path.join('.');
  if (issue.code === 'invalid_type' && issue.input === undefined) return [{ field, code: 'REQUIRED_FIELD', message: 'is required' }];
  const [code, text] = issue.message.split('|', 2);
  if (code && text !== undefined && code in ERROR_CODES) return [{ field, code: code as ErrorCode, message: text }];
  if (issue.code === 'invalid_type') return [{ field, code: 'WRONG_TYPE', message: `must be ${issue.expected}` }];
  return [{ field, code: 'INVALID_VALUE', message: 'is not an allowed value' }];
};

/**
 * Parses what came through a door.
 * @throws Refused with the code of the field at fault, or VALIDATION_FAILED when fields are at fault in different ways.
 */
export const parseInput = <I extends z.ZodType>(schema: I, value: unknown): z.output<I> => {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap(fieldErrors).slice(0, 20);
  const codes = new Set(errors.map((error) => error.code));
  throw new Refused(codes.size === 1 ? errors[0]!.code : 'VALIDATION_FAILED', { errors });
};
