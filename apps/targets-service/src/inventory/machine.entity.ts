import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity({ schema: 'targets', name: 'machines' })
export class Machine {
  @PrimaryColumn('uuid') id: string;
  @Column('text') name: string;
  @Column('text') mac_address: string;
  @Column('text') initiator_iqn: string;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
  @Column('timestamptz', { nullable: true }) deleted_at: Date | null;
}
