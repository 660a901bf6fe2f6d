import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity({ schema: 'targets', name: 'images' })
export class Image {
  @PrimaryColumn('uuid') id: string;
  @Column('text') name: string;
  @Column('text') file: string;
  @Column('bigint', { transformer: { from: Number, to: (bytes: number) => bytes } }) size_bytes: number;
  @Column('boolean') read_only: boolean;
  /** The node that has the file. */
  @Column('text') node_id: string;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
  @Column('timestamptz', { nullable: true }) deleted_at: Date | null;
}
