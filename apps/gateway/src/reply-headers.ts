import type { RequestContract } from '#contracts';

export const API_PREFIX = 'api/v1';

/** 202 while an operation still runs, else what the contract names first. */
export const successStatus = ({ http }: RequestContract, reply: unknown): number =>
  http.success.includes(202) && fieldOf(reply, 'operation') != null ? 202 : http.success[0]!;

/** Where the thing that a create made can be read. */
export const locationOf = ({ http }: RequestContract, reply: unknown): string | undefined => {
  const id = fieldOf(reply, 'id');
  return http.success.includes(201) && typeof id === 'string' ? `/${API_PREFIX}${http.path}/${encodeURIComponent(id)}` : undefined;
};

const fieldOf = (reply: unknown, name: string): unknown =>
  typeof reply === 'object' && reply !== null ? (reply as Record<string, unknown>)[name] : undefined;
