import type { ErrorCode } from './error-codes';

/** When a code is answered, for docs/errors.md. What to do about it is its `advice`. */
export const ERROR_MEANINGS: Record<ErrorCode, string> = {
  INVALID_JSON:
    'The body is no JSON, no object, not UTF-8, nested deeper than 32 levels, or has a key twice, of which one would win unseen.',
  PAYLOAD_TOO_LARGE: 'The body has more than 65,536 bytes. On NATS the server itself disconnects a client above its own, higher limit.',
  UNSUPPORTED_MEDIA_TYPE: 'HTTP only: the body is not JSON by its content type, not UTF-8 by its charset, or compressed.',
  MALFORMED_REQUEST:
    'Over HTTP the first line or a header cannot be read, and the connection ends; on NATS a header has half a line end in it. Nothing was looked at.',
  HEADERS_TOO_LARGE: 'HTTP only: address and headers together have more than 16,384 bytes. The connection ends.',
  REQUEST_TIMEOUT: 'HTTP only: headers or body came too slowly. The connection ends.',
  ROUTE_NOT_FOUND: 'HTTP only: no route has this method and path.',

  VALIDATION_FAILED: 'Fields are at fault in different ways; each stands in `errors` with a code of its own.',
  UNKNOWN_FIELD: 'The request has a field that this version does not know, or on HTTP one that the path or the query string already gives.',
  REQUIRED_FIELD: 'The request lacks a field that it cannot do without.',
  WRONG_TYPE: 'A field has a value of another JSON type, such as text for a number.',
  INVALID_VALUE: 'A field has a value outside its range or list.',
  INVALID_ID: 'A field that names a thing is not a UUID, so nothing was looked up.',
  INVALID_NAME: 'A name has a character outside the allow-list, is empty, too long, or reserved.',
  INVALID_IQN:
    'An initiator name is not what LIO can hold without changing it: narrower than RFC 7143, in lower case, without underscores.',
  INVALID_MAC_ADDRESS: 'A MAC address is not six pairs of hex digits with colons or dashes between them.',
  INVALID_IMAGE_FILE: 'The file of an image is written as a path, or has a character outside the allow-list.',
  INVALID_PASSWORD: 'A password has fewer than 12 or more than 128 characters.',
  INVALID_CHAP_SECRET:
    'A given secret is too short, too long, has other characters, begins with NULL (which the kernel takes for none), or is the same both ways.',
  ROLE_TOO_HIGH: 'An API token was to have a role that may do something its user may not.',
  INVALID_CURSOR: 'A cursor was altered, or belongs to a list with other filters.',
  INVALID_IDEMPOTENCY_KEY: 'The header Idempotency-Key is empty, too long, or has a space or a character outside ASCII.',
  IDEMPOTENCY_KEY_REUSED: 'The same user sent the same Idempotency-Key with another command or another body.',

  UNAUTHENTICATED: 'The request needs a token and has none.',
  TOKEN_INVALID: 'The token is malformed, altered, or signed by another key.',
  TOKEN_EXPIRED: 'The token was right once; access tokens live 15 minutes, API tokens as long as was said when they were made.',
  TOKEN_REVOKED: 'The API token was revoked, its user is gone, or the password was changed after the login. It stands in the audit trail.',
  LOGIN_FAILED: 'The user name is unknown or the password wrong; which of the two is not said.',
  LOGIN_LOCKED: 'Logins for this user name failed too often; the right password is refused too until the time is over.',
  FORBIDDEN: 'The token is right, and the role of its user may not do this. It stands in the audit trail.',
  RATE_LIMITED: 'This client, or all clients together, ask more than is served at once. Nothing was done.',

  TARGET_NOT_FOUND: 'No target ever had this id, or the machine never had a target. Deleted targets are still found by id.',
  MACHINE_NOT_FOUND: 'No machine has this id.',
  IMAGE_NOT_FOUND: 'No image has this id.',
  USER_NOT_FOUND: 'No user has this id.',
  TOKEN_NOT_FOUND: 'No API token has this id, it was revoked, or it is somebody else’s.',
  SESSION_NOT_FOUND: 'No boot session has this id.',
  ENTRY_NOT_FOUND: 'The place is beyond the end of the audit trail, or of the checkpoint that was named.',
  NODE_NOT_FOUND: 'No storage node has this id.',

  MACHINE_HAS_TARGET:
    'The machine has a target that is not deleted and not in ERROR, or one with an operation running: `resource_id` is its id.',
  TARGET_IN_USE: 'The command said `if_idle`, and an initiator was logged in. Nothing was changed.',
  TARGET_NOT_ACTIVE: 'Secrets can be changed while a target is exported; this one failed.',
  TARGET_DELETED: 'The target was deleted, and a deleted target is not brought back.',
  OPERATION_IN_PROGRESS: 'A create, restart, delete or repair of this target is still running.',
  NOT_ADOPTABLE:
    'The target is not, or not exactly, what Spindle would have made for a registered machine and image that are free: `detail` says in what.',
  NODE_NOT_HELD: 'The plan of this node was accepted before, or the node was never held.',
  PLAN_CHANGED: 'Since the plan was read, the node, its records or the targets on it have changed, so that other things would be done.',
  IDEMPOTENCY_KEY_RUNNING: 'The same command with the same Idempotency-Key is being worked on right now.',
  IMAGE_IN_USE: 'A live target exports the image in a way that excludes what was asked; `resource_id`, where given, is that target.',
  MACHINE_IN_USE: 'The machine has a live target or an open boot session.',
  USER_IN_USE: 'The user has an open boot session.',
  SESSION_IN_USE: 'A live target belongs to the boot session.',
  SESSION_ENDED: 'The boot session has ended, and an ended one is not changed.',
  SESSION_OF_OTHER_MACHINE: 'The boot session named is that of another machine than the one named.',
  MACHINE_NAME_TAKEN: 'Names of machines are unique.',
  MAC_ADDRESS_TAKEN: 'MAC addresses of machines are unique.',
  INITIATOR_IQN_TAKEN: 'Initiator names of machines are unique: a target is opened to exactly one of them.',
  IMAGE_NAME_TAKEN: 'Names of images are unique.',
  IMAGE_FILE_TAKEN: 'A file is registered as one image only, so that a writable export can exclude every other one.',
  USERNAME_TAKEN: 'User names are unique.',
  TOKEN_NAME_TAKEN: 'The names of the tokens of one user that are not revoked are unique.',
  TOKEN_LIMIT: 'A user has at most 100 tokens that are not revoked.',
  LAST_ADMIN: 'Without this admin nobody could manage users any more.',

  IMAGE_READ_ONLY: 'The target was to be writable, and its image is registered as read-only.',
  IMAGE_FILE_MISSING: 'Every storage node that is online was asked, and none has a file of this name in its image folder.',
  IMAGE_NOT_A_FILE: 'The name is that of a folder, link, device or socket.',
  IMAGE_EMPTY: 'The file has fewer than 512 bytes, so there is no sector to show.',

  SERVICE_UNAVAILABLE:
    'NATS or the service behind the request is away or did not answer in time. A command may have been done all the same.',
  DATABASE_UNAVAILABLE: 'Postgres is away, full or shutting down. Nothing was recorded.',
  NODE_KEY_MISSING: 'Secrets go to a node sealed for it alone, and its executor has not reported its key, or has another one by now.',
  NO_CHECKPOINT: 'The trail is younger than its first checkpoint, or the key to sign with cannot be used.',
  AUDIT_UNAVAILABLE:
    'The record of what was asked cannot be written: the database refuses it, holds it locked, or is full. What is not recorded is neither done nor answered, refusals and logins included.',
  NO_NODE: 'No storage node that could do it has reported lately.',
  NODE_CORDONED: 'The image is on storage nodes, but all of them are cordoned and get no new targets.',
  NODE_HELD:
    'targets-service was started with RECONCILE=plan, or its database was restored from a backup: nothing is sent to the node until an admin has accepted what would be done. Nothing was recorded.',
  NODE_OFFLINE:
    'The storage node has fallen silent, or did not answer a question in time. The status of its targets does not change by it.',
  NODE_BUSY: 'Another program holds the targetcli lock of the node, or the node has more waiting than it takes.',
  NODE_WEDGED: 'A step hangs in the kernel of the node. That node takes no more work; others go on.',
  INTERNAL: 'A mistake of ours. What went wrong stands in the log under the request id, never in the answer.',

  BACKING_FILE_MISSING: 'The file was there when the image was registered, and is not now.',
  BACKING_FILE_UNUSABLE: 'The file is no regular file any more, or lies on a file system that cannot be opened as asked.',
  BACKING_FILE_CHANGED: 'The file has grown or shrunk since it was registered: the machine would see another disk.',
  PORTAL_IN_USE: 'The kernel could not listen on the portal address.',
  FOREIGN_OBJECT: 'LIO has an object of the name that is needed, and it is not ours; it was not touched.',
  KERNEL_REFUSED: 'The kernel answered a write to configfs with an error.',
  TARGETCLI_FAILED: 'targetcli refused a step for a reason that has no code of its own; its text stays in the log of the node.',
  TARGETCLI_MISSING: 'The program at TARGETCLI_PATH is not there or cannot be run.',
  TARGETCLI_TIMEOUT: 'A step took longer than TARGETCLI_TIMEOUT_MS. It is looked at, and finished or undone, before anything else is done.',
  READ_BACK_MISMATCH: 'Every step was accepted, and configfs still shows something else.',
  UNDO_FAILED: 'A step failed, and what was begun could not be taken back at once.',
  STALE_GENERATION: 'A later wish for the same target has overtaken this one.',
};
