import { NODE_ID_PATTERN, PERMISSIONS, REQUESTS } from '#contracts';
import { AuditMessages } from '../../audit-service/src/audit.messages';
import { InventoryMessages } from './inventory.messages';
import { TargetsMessages } from './targets.messages';
import { TokensMessages } from './tokens.messages';

/** Where Nest keeps what `@MessagePattern` and `@EventPattern` were given (@nestjs/microservices/constants, version 11). */
const PATTERN = 'microservices:pattern';
const HANDLER_TYPE = 'microservices:handler_type';
const MESSAGE = 1;

const subjectsOf = (controller: { prototype: object }): string[] =>
  Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
    const handler = (controller.prototype as Record<string, unknown>)[name] as object;
    return Reflect.getMetadata(HANDLER_TYPE, handler) === MESSAGE ? (Reflect.getMetadata(PATTERN, handler) as string[]) : [];
  });

const registered = [AuditMessages, InventoryMessages, TargetsMessages, TokensMessages].flatMap(subjectsOf);
/** Said by storage nodes, which have no role: the bus lets each say only its own. */
const ofNodes = (subject: string) => /^storage-node\.\*\.[a-z-]+$/.test(subject);

it('every subject that a service answers has a rule, and every request is answered by one of them', () => {
  expect(registered.filter((subject) => !ofNodes(subject)).sort()).toEqual(REQUESTS.map(({ subject }) => subject).sort());
  expect(registered.filter((subject) => !ofNodes(subject) && !(subject in PERMISSIONS))).toEqual([]);
  expect(registered.filter(ofNodes)).toEqual(['storage-node.*.report', 'storage-node.*.wishes']);
  expect(NODE_ID_PATTERN.test('*')).toBe(false);
});
