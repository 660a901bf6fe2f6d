import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Role } from '#contracts';

@Entity({ schema: 'targets', name: 'users' })
export class User {
  @PrimaryColumn('uuid') id: string;
  @Column('text') username: string;
  /** argon2id, in PHC form: the parameters stand in it. */
  @Column('text') password_hash: string;
  @Column('text') role: Role;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz') updated_at: Date;
  @Column('timestamptz', { nullable: true }) deleted_at: Date | null;
  /** Access tokens of logins say which it was; what was made under another one is good no more. */
  @Column('integer') token_epoch: number;
}
