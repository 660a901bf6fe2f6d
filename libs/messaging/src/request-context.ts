import { headers as natsHeaders, type MsgHdrs } from 'nats';
import { newId } from '#runtime';

/** What a request carries beside its body. */
export interface RequestContext {
  subject: string;
  /** The client's if it is a plain token, else ours; stands in answer, log, event and audit trail. */
  requestId: string;
  authorization?: string;
  /** `http:ADDRESS` as the gateway says, else `nats`. */
  source: string;
  /** `Prefer: wait=N`, in seconds, RFC 7240. */
  preferWaitSeconds?: number;
  idempotencyKey?: string;
}

const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const SOURCE = /^http:[0-9a-fA-F.:]{2,45}$/;

/** A client's request id when it is a plain token; a new one otherwise, since it is copied into logs and headers. */
export const acceptRequestId = (value: string | undefined): string => (value && REQUEST_ID.test(value) ? value : newId());

/** N of `Prefer: wait=N`, RFC 7240. */
export const preferredWaitSeconds = (prefer: string | undefined): number | undefined => {
  const wait = /(?:^|[,;\s])wait=(\d{1,3})\b/.exec(prefer ?? '')?.[1];
  return wait === undefined ? undefined : Number(wait);
};

export const contextOf = (subject: string, headers: MsgHdrs | undefined): RequestContext => {
  const get = (name: string) => headers?.get(name) || undefined;
  const source = get('Spindle-Source');
  return {
    subject,
    requestId: acceptRequestId(get('X-Request-Id')),
    authorization: get('Authorization'),
    source: source && SOURCE.test(source) ? source : 'nats',
    preferWaitSeconds: preferredWaitSeconds(get('Prefer')),
    idempotencyKey: get('Idempotency-Key'),
  };
};

export const headersOf = (context: Partial<Omit<RequestContext, 'subject'>>): MsgHdrs => {
  const headers = natsHeaders();
  const set = (name: string, value: string | undefined) => value && headers.set(name, value);
  set('X-Request-Id', context.requestId);
  set('Authorization', context.authorization);
  set('Spindle-Source', context.source);
  set('Prefer', context.preferWaitSeconds === undefined ? undefined : `wait=${context.preferWaitSeconds}`);
  set('Idempotency-Key', context.idempotencyKey);
  return headers;
};
