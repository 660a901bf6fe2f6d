import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { NodeReport, NodeStatus } from '#contracts';

@Entity({ schema: 'targets', name: 'storage_nodes' })
export class StorageNode {
  @PrimaryColumn('text') id: string;
  @Column('text') name: string;
  @Column('text') status: NodeStatus;
  /** Counts the events of this node; each event's `sequence`. */
  @Column('integer') version: number;
  @Column('text') portal_address: string;
  @Column('integer') portal_port: number;
  @Column('timestamptz') last_seen_at: Date;
  /** The executor process that is the node's one writer, until `lease_until`. */
  @Column('uuid', { nullable: true }) instance: string | null;
  @Column('timestamptz') lease_until: Date;
  /** Gets no new targets. */
  @Column('boolean') cordoned: boolean;
  /** Since when nothing is sent to it, until its plan is accepted; null when it is not held. */
  @Column('timestamptz', { nullable: true }) held_at: Date | null;
  /** The last report, as the node sent it. */
  @Column('jsonb') report: NodeReport;
}
