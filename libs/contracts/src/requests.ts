import { ExportAudit, GetCheckpoint, ProveConsistency, ProveInclusion, SearchAudit } from './audit';
import { CreateImage, DeleteImage, GetImage, ListImages, UpdateImage } from './images';
import { CreateMachine, DeleteMachine, GetMachine, ListMachines, UpdateMachine } from './machines';
import { AcceptNodePlan, GetNodePlan } from './node-plan';
import { AdoptTarget, ListNodes, UpdateNode } from './nodes';
import { CreateSession, DeleteSession, GetSession, ListSessions, UpdateSession } from './sessions';
import {
  CreateTarget,
  DeleteTarget,
  GetTarget,
  GetTargetByMachine,
  GetTargetStatus,
  ListTargets,
  RestartTarget,
  RotateChap,
} from './targets';
import { CreateToken, ExchangeToken, ListTokens, RevokeToken } from './tokens';
import { CreateUser, DeleteUser, GetUser, ListUsers, Login, UpdateUser } from './users';

/** Version of everything public: HTTP, requests and events. */
export const CONTRACT_VERSION = '1.0.0';

/** Every public request. The order is that of the documents; HTTP matches `machine/{machine_id}` before `{id}`. */
export const REQUESTS = [
  Login,
  ExchangeToken,
  CreateTarget,
  ListTargets,
  GetTargetByMachine,
  GetTarget,
  GetTargetStatus,
  DeleteTarget,
  RestartTarget,
  RotateChap,
  CreateMachine,
  ListMachines,
  GetMachine,
  UpdateMachine,
  DeleteMachine,
  CreateImage,
  ListImages,
  GetImage,
  UpdateImage,
  DeleteImage,
  CreateSession,
  ListSessions,
  GetSession,
  UpdateSession,
  DeleteSession,
  CreateUser,
  ListUsers,
  GetUser,
  UpdateUser,
  DeleteUser,
  CreateToken,
  ListTokens,
  RevokeToken,
  ListNodes,
  UpdateNode,
  AdoptTarget,
  GetNodePlan,
  AcceptNodePlan,
  SearchAudit,
  GetCheckpoint,
  ProveInclusion,
  ProveConsistency,
  ExportAudit,
] as const;

export type Action = (typeof REQUESTS)[number]['subject'];
