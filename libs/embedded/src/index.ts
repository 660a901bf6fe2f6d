export { startStorageLab, type StorageLab, type StorageLabOptions } from './storage-lab';
export type { ScriptResult } from './lab-shell';
export { labAddresses } from './lab-kernel';
export { PortTaken, claimPort } from './ports';
export {
  installPrerequisites,
  missingPrerequisites,
  prerequisites,
  PrerequisitesMissing,
  type Prerequisite,
  type PrerequisiteGroup,
} from './prerequisites';
export { startPostgres, type PostgresOptions, type RunningPostgres } from './postgres';
export { provisionDatabase, type DatabaseUrls } from './provision-database';
export { startNats, type NatsOptions, type RunningNats } from './nats';
export { writePrivately } from './private-file';
export { projectRoot } from './project-root';
export { serviceProcess, type ServiceProcess, type ServiceProcessOptions } from './service-process';
export { holdLogin, InitiatorFailed, inquire, qemuIo, readCapacity, type Inquiry, type Login } from './initiator';
