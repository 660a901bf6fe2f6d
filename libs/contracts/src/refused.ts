import { z } from 'zod';
import { ERROR_CODES, errorFacts, type ErrorCode } from './error-codes';

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

export const ErrorCodeSchema = z.enum(codes).describe('Stable code from the closed list.').meta({ id: 'ErrorCode' });

export const FieldError = z.object({ field: z.string().describe('Dotted path of the field.'), code: ErrorCodeSchema, message: z.string() });

/** RFC 9457 problem details, the body of every error answer on HTTP and on NATS. */
export const Problem = z
  .object({
    type: z.string().describe('urn:spindle:error:CODE; docs/errors.md has a page for each.'),
    title: z.string(),
    status: z.int(),
    code: ErrorCodeSchema,
    detail: z.string().describe('What to do.'),
    request_id: z.string(),
    errors: z.array(FieldError).optional().describe('The fields at fault.'),
    retry_after: z.int().optional().describe('Seconds to wait before trying again.'),
    resource_id: z.string().optional().describe('The object in the way, such as the live target of the machine.'),
  })
  .meta({ id: 'Problem' });

export type FieldError = z.infer<typeof FieldError>;
export type Problem = z.infer<typeof Problem>;

export interface RefusedDetails {
  errors?: FieldError[];
  /** Seconds; retryable codes that name none get 2. */
  retryAfter?: number;
  resourceId?: string;
  /** Added to the advice of the code; must hold nothing from inside (SQL, paths, targetcli's text). */
  hint?: string;
}

/** The one error that crosses processes: a known refusal, by a code of the closed list. */
export class Refused extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly details: RefusedDetails = {},
    options?: ErrorOptions,
  ) {
    super(details.hint ? `${code}: ${details.hint}` : code, options);
    this.name = 'Refused';
  }

  get status(): number {
    return errorFacts(this.code).status;
  }

  get retryable(): boolean {
    return errorFacts(this.code).retryable ?? false;
  }

  toProblem(requestId: string): Problem {
    const facts = errorFacts(this.code);
    const retryAfter = this.details.retryAfter ?? (facts.retryable ? 2 : undefined);
    return {
      type: `urn:spindle:error:${this.code}`,
      title: facts.title,
      status: facts.status,
      code: this.code,
      detail: this.details.hint ? `${this.details.hint} ${facts.advice}` : facts.advice,
      request_id: requestId,
      ...(this.details.errors ? { errors: this.details.errors } : {}),
      ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
      ...(this.details.resourceId ? { resource_id: this.details.resourceId } : {}),
    };
  }

  /** The refusal that another process answered with; an answer that is no problem of ours becomes INTERNAL. */
  static fromProblem(body: unknown): Refused {
    const parsed = Problem.safeParse(body);
    if (!parsed.success) return new Refused('INTERNAL');
    const { code, errors, retry_after, resource_id, detail } = parsed.data;
    const hint = detail.endsWith(errorFacts(code).advice) ? detail.slice(0, -errorFacts(code).advice.length).trim() : undefined;
    return new Refused(code, { errors, retryAfter: retry_after, resourceId: resource_id, hint: hint || undefined });
  }
}
