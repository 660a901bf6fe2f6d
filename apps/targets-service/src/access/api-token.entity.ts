import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Role } from '#contracts';

@Entity({ schema: 'targets', name: 'api_tokens' })
export class ApiToken {
  @PrimaryColumn('uuid') id: string;
  @Column('uuid') user_id: string;
  @Column('text') name: string;
  @Column('text') role: Role;
  /** SHA-256 of the random part. */
  @Column('bytea') hash: Buffer;
  @Column('timestamptz') created_at: Date;
  @Column('timestamptz', { nullable: true }) expires_at: Date | null;
  @Column('timestamptz', { nullable: true }) last_used_at: Date | null;
  @Column('timestamptz', { nullable: true }) revoked_at: Date | null;
}
