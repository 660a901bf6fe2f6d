import type { AuditEntry } from '#contracts';
import { canonicalJson } from './canonical-json';
import { leafHash } from './merkle';

/**
 * What is hashed of an entry: all that it says, its place, when it was recorded, and what it is found by. In export files it stands
 * as this very text.
 */
export interface LeafEntry extends AuditEntry {
  recorded_at: string;
  target_id: string | null;
  machine_id: string | null;
}

export const leafText = (entry: LeafEntry): string => canonicalJson(entry);

export const leafOf = (entry: LeafEntry): Buffer => leafHash(Buffer.from(leafText(entry)));
