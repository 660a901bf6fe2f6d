import { shortProfile } from './short-profile';

/** The points of the node: the rest of Spindle does not know which engine it has. */
shortProfile('configfs', [
  'executor.intent-journalled',
  'executor.create-backstore',
  'executor.map-lun',
  'executor.delete-target',
  'executor.config-saved',
  'executor.result-journalled',
]);
