export { asyncApi } from './asyncapi';
export type { StreamFacts } from './asyncapi-events';
export {
  AuditEntry,
  AuditIntent,
  AuditListResponse,
  AuditOutcome,
  ExportAudit,
  GetCheckpoint,
  ProveConsistency,
  ProveInclusion,
  SearchAudit,
} from './audit';
export {
  ADMIN_USER,
  BUS_STREAMS,
  nodePingSubject,
  nodeUser,
  pingSubject,
  planBus,
  type BusAccount,
  type BusCrossing,
  type BusMembers,
  type BusPlan,
  type BusUser,
} from './bus-permissions';
export { ERROR_CODES, errorFacts, type ErrorCode, type ErrorCodeFacts } from './error-codes';
export { AnyEvent, EVENTS, EVENT_NAMES, InitiatorData, cloudEvent, eventType, type EventData, type EventName } from './events';
export { ERROR_MEANINGS } from './error-meanings';
export { EXAMPLES, EXAMPLE_EVENT, exampleOf } from './examples';
export type { Example } from './inventory-examples';
export { CreateImage, DeleteImage, GetImage, ImageListResponse, ImageResponse, ListImages, UpdateImage } from './images';
export { jsonSchemas, schemasUsedIn, type JsonSchema } from './json-schemas';
export { listOf, page, type Page } from './lists';
export { CreateMachine, DeleteMachine, GetMachine, ListMachines, MachineListResponse, MachineResponse, UpdateMachine } from './machines';
export {
  CHAP_SECRET_PATTERN,
  ChapSecret,
  IMAGE_FILE_PATTERN,
  IQN_PATTERN,
  Id,
  ImageFile,
  Iqn,
  LastError,
  MacAddress,
  NAME_PATTERN,
  NODE_ID_PATTERN,
  Name,
  NodeId,
  Portal,
  Time,
  coded,
} from './names';
export { AcceptNodePlan, GetNodePlan, MOST_PLANNED, NodePlanResponse, PlannedTarget } from './node-plan';
export {
  AdoptTarget,
  UpdateNode,
  ForeignObject,
  ListNodes,
  NodeCheck,
  NodeListResponse,
  NodeResponse,
  NodeStatus,
  SaveState,
} from './nodes';
export { ONLY_WITH, PERMISSIONS, lowerRole, mayDo, mayRevoke, tokensSeenBy, type Proof } from './permissions';
export { FieldError, Problem, Refused, type RefusedDetails } from './refused';
export { MAX_BODY_BYTES, parseInput, shownName, type HttpRoute, type InputOf, type OutputOf, type RequestContract } from './request';
export { errorsOf } from './request-errors';
export { CONTRACT_VERSION, REQUESTS, type Action } from './requests';
export { CreateSession, DeleteSession, GetSession, ListSessions, SessionListResponse, SessionResponse, UpdateSession } from './sessions';
export {
  ApplyReply,
  ChapWish,
  CompareReply,
  CompareRequest,
  Comparison,
  DiskWish,
  InspectImageReply,
  InspectImageRequest,
  InspectTargetReply,
  InspectTargetRequest,
  InspectedTarget,
  ListShownReply,
  ListShownRequest,
  MOST_COMPARED,
  NodeReport,
  NodeReportReply,
  NodeStatusReply,
  NodeStatusRequest,
  TargetWish,
  WishesReply,
  WishesRequest,
  chapSubject,
  nodeSubject,
  type NodeVerb,
} from './storage-node';
export {
  ChapCredentials,
  ChapMode,
  ChapRequest,
  CreateTarget,
  DeleteTarget,
  Drift,
  GetTarget,
  GetTargetByMachine,
  GetTargetStatus,
  InitiatorSession,
  ListTargets,
  LiveTarget,
  RestartTarget,
  RotateChap,
  TargetCreateRequest,
  TargetListResponse,
  TargetOperation,
  TargetResponse,
  TargetStatus,
  TargetStatusResponse,
} from './targets';
export {
  API_TOKEN_PATTERN,
  CreateToken,
  ExchangeToken,
  ListTokens,
  RevokeToken,
  TokenCreateResponse,
  TokenListResponse,
  TokenResponse,
} from './tokens';
export {
  CreateUser,
  DeleteUser,
  GetUser,
  ListUsers,
  Login,
  Password,
  RESERVED_ACTORS,
  Role,
  UpdateUser,
  UserListResponse,
  UserResponse,
} from './users';
