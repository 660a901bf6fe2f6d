import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A boot session: who uses which machine, when. Not to be taken for an iSCSI session, which the kernel has. */
@Entity({ schema: 'targets', name: 'boot_sessions' })
export class BootSession {
  @PrimaryColumn('uuid') id: string;
  @Column('uuid') machine_id: string;
  @Column('uuid', { nullable: true }) user_id: string | null;
  @Column('timestamptz') started_at: Date;
  @Column('timestamptz', { nullable: true }) ended_at: Date | null;
  @Column('timestamptz', { nullable: true }) deleted_at: Date | null;
}
