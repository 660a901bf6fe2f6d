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
