import { Initial1764000000000 } from '../migrations/1764000000000-initial';
import { IdempotencyKeys1764000001000 } from '../migrations/1764000001000-idempotency-keys';
import { Reconciliation1764000002000 } from '../migrations/1764000002000-reconciliation';
import { KeyAttempts1764000003000 } from '../migrations/1764000003000-key-attempts';
import { ChapSecrets1764000004000 } from '../migrations/1764000004000-chap-secrets';
import { ApiTokens1764000005000 } from '../migrations/1764000005000-api-tokens';
import { HeldNodes1764000006000 } from '../migrations/1764000006000-held-nodes';
import { WhatIsThere1764000007000 } from '../migrations/1764000007000-what-is-there';
import { WaitingMessages1764000008000 } from '../migrations/1764000008000-waiting-messages';
import { ApiToken } from './access/api-token.entity';
import { Image } from './inventory/image.entity';
import { Machine } from './inventory/machine.entity';
import { StorageNode } from './inventory/node.entity';
import { BootSession } from './inventory/session.entity';
import { User } from './inventory/user.entity';
import { Target } from './targets/target.entity';

export const SCHEMA = 'targets';

export const MIGRATIONS = [
  Initial1764000000000,
  IdempotencyKeys1764000001000,
  Reconciliation1764000002000,
  KeyAttempts1764000003000,
  ChapSecrets1764000004000,
  ApiTokens1764000005000,
  HeldNodes1764000006000,
  WhatIsThere1764000007000,
  WaitingMessages1764000008000,
];

export const ENTITIES = [Target, Machine, Image, User, ApiToken, BootSession, StorageNode];
