import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ChapMode, Drift, LastError, TargetOperation, TargetStatus } from '#contracts';

/** One row a target ever made; a deleted one stays. Columns are named as on the wire, so that no mapper stands between. */
@Entity({ schema: 'targets', name: 'targets' })
export class Target {
  @PrimaryColumn('uuid') id: string;
  @Column('text') iqn: string;
  @Column('text') status: TargetStatus;
  @Column('text', { nullable: true }) operation: TargetOperation | null;
  @Column('integer') generation: number;
  /** Counts the events of this target; each event's `sequence`. */
  @Column('integer') version: number;
  @Column('uuid') machine_id: string;
  @Column('uuid') image_id: string;
  @Column('uuid', { nullable: true }) session_id: string | null;
  @Column('text') node_id: string;
  @Column('text') initiator_iqn: string;
  @Column('text') portal_address: string;
  @Column('integer') portal_port: number;
  @Column('integer') lun: number;
  @Column('boolean') read_only: boolean;
  @Column('text') chap: ChapMode;
  /** Counts changes of its secrets. */
  @Column('integer') chap_version: number;
  /** Backstore and unit serial; today the image's id, later a clone's. */
  @Column('uuid') disk_id: string;
  @Column('text') image_file: string;
  /** pg gives bigint as text, since it may exceed what a number holds; disks do not (2^53 bytes). */
  @Column('bigint', { transformer: { from: Number, to: (bytes: number) => bytes } }) size_bytes: number;
  @Column('text') created_by: string;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
  @Column('timestamptz', { nullable: true }) deleted_at: Date | null;
  @Column('jsonb', { nullable: true }) last_error: LastError | null;
  /** Where the kernel was last seen to differ from the wish; null when it does not. */
  @Column('jsonb', { nullable: true }) drift: Drift[] | null;
  /** The node once confirmed it, or it was adopted: objects with its names are ours. */
  @Column('boolean') confirmed: boolean;
  @Column('integer', { nullable: true }) disconnected: number | null;
  @Column('boolean') if_idle: boolean;
  /** Who asked for the running or last operation, and by which request. */
  @Column('text') operation_by: string;
  @Column('text') operation_request_id: string;
  @Column('integer') attempts: number;
  /** When the running operation is due; set ahead while somebody works on it. */
  @Column('timestamptz', { nullable: true }) next_attempt_at: Date | null;
}
