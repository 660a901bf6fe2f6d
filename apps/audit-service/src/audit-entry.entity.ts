import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AuditOutcome } from '#contracts';

/** One row of the trail. `target_id` and `machine_id` are taken out of resource, before and after, to be searched by. */
@Entity({ schema: 'audit', name: 'entries' })
export class AuditEntryRow {
  /** Place in the trail: contiguous, from 1. pg gives bigint as text; 2^53 entries are beyond any disk. */
  @PrimaryColumn('bigint', { transformer: { from: Number, to: (seq: unknown) => seq } }) seq: number;
  @Column('uuid') id: string;
  @Column('timestamptz') time: Date;
  @Column('timestamptz') recorded_at: Date;
  @Column('text') actor: string;
  @Column('text') source: string;
  @Column('text') action: string;
  @Column('text') resource_type: string;
  @Column('text', { nullable: true }) resource_id: string | null;
  @Column('uuid', { nullable: true }) target_id: string | null;
  @Column('uuid', { nullable: true }) machine_id: string | null;
  @Column('text') outcome: AuditOutcome;
  @Column('text', { nullable: true }) code: string | null;
  @Column('text') request_id: string;
  @Column('jsonb', { nullable: true }) before: unknown;
  @Column('jsonb', { nullable: true }) after: unknown;
}
