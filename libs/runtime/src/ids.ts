import { v7 } from 'uuid';

/** UUID version 7 (RFC 9562): begins with the time, so that indexes grow at one end. */
export const newId = (): string => v7();
