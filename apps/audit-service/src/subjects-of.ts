import { Id, type AuditIntent } from '#contracts';

/** Which target and which machine an entry is about; what was asked in a refused request need not be an id at all. */
export const subjectsOf = ({ resource, before, after }: AuditIntent): { target_id: string | null; machine_id: string | null } => {
  const named = (kind: 'target' | 'machine'): string | null => {
    const candidates = [resource.type === kind ? resource.id : null, field(after, `${kind}_id`), field(before, `${kind}_id`)];
    for (const candidate of candidates) {
      const id = Id.safeParse(candidate);
      if (id.success) return id.data;
    }
    return null;
  };
  return { target_id: named('target'), machine_id: named('machine') };
};

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
