/**
 * The closed list of error codes. A code is stable: clients branch on it, so one is never renamed or reused.
 *
 * `status` is the HTTP status, which NATS answers carry in `Nats-Service-Error-Code`; it stands here and not in the gateway
 * because both doors must agree. `advice` says what the caller can do. `retryable` tells that the same request may succeed
 * later without being changed.
 */
export interface ErrorCodeFacts {
  status: number;
  title: string;
  advice: string;
  retryable?: true;
}

export const ERROR_CODES = {
  // the message itself
  INVALID_JSON: { status: 400, title: 'The body is not a JSON object', advice: 'Send one JSON object, UTF-8, without trailing text.' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large', advice: 'Send at most 65,536 bytes.' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body has another content type', advice: 'Send application/json.' },
  MALFORMED_REQUEST: {
    status: 400,
    title: 'The address or a header cannot be read',
    advice: 'Send them without control characters and line ends, and over HTTP as HTTP/1.1.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'Address and headers are too large',
    advice: 'Send at most 16,384 bytes before the body.',
  },
  REQUEST_TIMEOUT: { status: 408, title: 'The request did not arrive in time', advice: 'Send the whole request within 30 seconds.' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is no such route', advice: 'See /docs for the routes and their methods.' },

  // fields
  VALIDATION_FAILED: { status: 422, title: 'Several fields were refused', advice: 'Mend each field named in errors.' },
  UNKNOWN_FIELD: { status: 422, title: 'A field is unknown', advice: 'Remove it, or look for a misspelling.' },
  REQUIRED_FIELD: { status: 422, title: 'A field is missing', advice: 'Add the field named in errors.' },
  WRONG_TYPE: { status: 422, title: 'A field has the wrong type', advice: 'Use the type named in errors.' },
  INVALID_VALUE: { status: 422, title: 'A value is out of range', advice: 'Use a value as named in errors.' },
  INVALID_ID: { status: 422, title: 'An id is not a UUID', advice: 'Use an id as a reply or list gave it.' },
  INVALID_NAME: {
    status: 422,
    title: 'A name has characters that are not allowed',
    advice: 'Use 1 to 64 of A-Z a-z 0-9 _ . - beginning with a letter or digit.',
  },
  INVALID_IQN: {
    status: 422,
    title: 'An initiator name is not a usable IQN',
    advice: 'Use lower case iqn.YYYY-MM.reversed.domain:name without underscores, at most 223 characters.',
  },
  INVALID_MAC_ADDRESS: {
    status: 422,
    title: 'A MAC address is not one',
    advice: 'Use six pairs of hex digits, such as 52:54:00:12:34:56.',
  },
  INVALID_IMAGE_FILE: {
    status: 422,
    title: 'An image file is not a plain file name',
    advice: 'Use a name under the image folder, never a path: 1 to 128 of A-Z a-z 0-9 _ . - beginning with a letter or digit.',
  },
  INVALID_PASSWORD: { status: 422, title: 'A password is too short or too long', advice: 'Use 12 to 128 characters.' },
  INVALID_CHAP_SECRET: {
    status: 422,
    title: 'A CHAP secret cannot be used',
    advice:
      'Use 12 to 16 of A-Z a-z 0-9 _ . that do not begin with NULL, another one for each direction, or leave it out to have one made.',
  },
  ROLE_TOO_HIGH: {
    status: 422,
    title: 'The role is higher than that of the user',
    advice: 'Use a role that may do no more than yours, or leave it out.',
  },
  INVALID_CURSOR: {
    status: 422,
    title: 'A cursor is not one of ours',
    advice: 'Use next_cursor of the page before, with the same filters.',
  },

  INVALID_IDEMPOTENCY_KEY: {
    status: 422,
    title: 'The Idempotency-Key cannot be used',
    advice: 'Use 1 to 128 printable ASCII characters without spaces, new for each command.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The Idempotency-Key was used for another command',
    advice: 'Use a new key; a key may only be sent again with the same command.',
  },

  // who asks
  UNAUTHENTICATED: { status: 401, title: 'No token was sent', advice: 'Log in and send Authorization: Bearer TOKEN.' },
  TOKEN_INVALID: { status: 401, title: 'The token is not valid', advice: 'Log in again.' },
  TOKEN_EXPIRED: { status: 401, title: 'The token has expired', advice: 'Log in again.' },
  TOKEN_REVOKED: {
    status: 401,
    title: 'The token was revoked',
    advice: 'Log in again, or use another API token.',
  },
  LOGIN_FAILED: {
    status: 401,
    title: 'User name or password is wrong',
    advice: 'Check both; after several failures the user is locked for a while.',
  },
  LOGIN_LOCKED: { status: 429, title: 'Too many failed logins', advice: 'Wait as long as Retry-After says.', retryable: true },
  FORBIDDEN: { status: 403, title: 'The role does not allow this', advice: 'Ask an admin for a role that does.' },
  RATE_LIMITED: { status: 429, title: 'Too many requests', advice: 'Wait as long as Retry-After says.', retryable: true },

  // what is asked for
  TARGET_NOT_FOUND: { status: 404, title: 'There is no such target', advice: 'Look it up in the list of targets.' },
  MACHINE_NOT_FOUND: { status: 404, title: 'There is no such machine', advice: 'Register the machine first.' },
  IMAGE_NOT_FOUND: { status: 404, title: 'There is no such image', advice: 'Register the image first.' },
  USER_NOT_FOUND: { status: 404, title: 'There is no such user', advice: 'Look it up in the list of users.' },
  TOKEN_NOT_FOUND: { status: 404, title: 'There is no such API token', advice: 'Look it up in the list of tokens.' },
  SESSION_NOT_FOUND: { status: 404, title: 'There is no such boot session', advice: 'Create the session first.' },
  ENTRY_NOT_FOUND: {
    status: 404,
    title: 'The audit trail has no such entry',
    advice: 'Use places up to the size of the newest checkpoint.',
  },
  NODE_NOT_FOUND: { status: 404, title: 'There is no such storage node', advice: 'Look it up in the list of nodes.' },

  // present state
  MACHINE_HAS_TARGET: { status: 409, title: 'The machine has a live target', advice: 'Use that target, or delete it first.' },
  TARGET_IN_USE: { status: 409, title: 'An initiator is logged in', advice: 'Shut the machine down, or ask again without if_idle.' },
  TARGET_NOT_ACTIVE: { status: 409, title: 'The target is not exported', advice: 'Restart it first, or create a new one.' },
  TARGET_DELETED: { status: 409, title: 'The target was deleted', advice: 'Create a new target.' },
  OPERATION_IN_PROGRESS: { status: 409, title: 'Another operation is running', advice: 'Wait until operation is null.', retryable: true },
  NOT_ADOPTABLE: {
    status: 409,
    title: 'The target cannot be adopted',
    advice: 'Mend what is named and ask again, or leave it: nothing was touched.',
  },
  NODE_NOT_HELD: { status: 409, title: 'The storage node is not held', advice: 'Nothing: its plan needs no acceptance.' },
  PLAN_CHANGED: {
    status: 409,
    title: 'The plan is not the one that was read',
    advice: 'Read the plan again, and accept what it says now.',
  },
  IDEMPOTENCY_KEY_RUNNING: {
    status: 409,
    title: 'The command with this Idempotency-Key is still running',
    advice: 'Send it again after Retry-After seconds, with the same key.',
    retryable: true,
  },
  IMAGE_IN_USE: { status: 409, title: 'The image is in use', advice: 'Delete the targets that use it, or export it read-only everywhere.' },
  MACHINE_IN_USE: { status: 409, title: 'The machine is in use', advice: 'Delete its targets and end its sessions first.' },
  USER_IN_USE: { status: 409, title: 'The user is in use', advice: 'End the sessions of the user first.' },
  SESSION_IN_USE: { status: 409, title: 'The boot session is in use', advice: 'Delete its target first.' },
  SESSION_ENDED: { status: 409, title: 'The boot session has ended', advice: 'Create a new session.' },
  SESSION_OF_OTHER_MACHINE: { status: 409, title: 'The boot session is of another machine', advice: 'Use a session of this machine.' },
  MACHINE_NAME_TAKEN: { status: 409, title: 'Another machine has this name', advice: 'Use that machine, or another name.' },
  MAC_ADDRESS_TAKEN: { status: 409, title: 'Another machine has this MAC address', advice: 'Use that machine.' },
  INITIATOR_IQN_TAKEN: { status: 409, title: 'Another machine has this initiator IQN', advice: 'Use another IQN.' },
  IMAGE_NAME_TAKEN: { status: 409, title: 'Another image has this name', advice: 'Use that image, or another name.' },
  IMAGE_FILE_TAKEN: { status: 409, title: 'Another image is this file', advice: 'Use that image.' },
  USERNAME_TAKEN: { status: 409, title: 'Another user has this name', advice: 'Use another name.' },
  TOKEN_NAME_TAKEN: { status: 409, title: 'Another API token has this name', advice: 'Use another name, or revoke that token first.' },
  TOKEN_LIMIT: { status: 409, title: 'The user has as many API tokens as may be', advice: 'Revoke those that are not used any more.' },
  LAST_ADMIN: { status: 409, title: 'This is the last admin', advice: 'Make another user an admin first.' },

  // values that only the world can refuse
  IMAGE_READ_ONLY: { status: 422, title: 'The image is read-only', advice: 'Leave read_only out or true, or use a writable image.' },
  IMAGE_FILE_MISSING: { status: 422, title: 'No storage node has this file', advice: 'Copy it into the image folder of a node first.' },
  IMAGE_NOT_A_FILE: { status: 422, title: 'The image is not a regular file', advice: 'Use a regular file; links and devices are refused.' },
  IMAGE_EMPTY: { status: 422, title: 'The image has no whole sector', advice: 'Use a file of at least 512 bytes.' },

  // a part we need is away
  SERVICE_UNAVAILABLE: {
    status: 503,
    title: 'A part that is needed is away',
    advice: 'Try again after Retry-After seconds.',
    retryable: true,
  },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database is away', advice: 'Try again after Retry-After seconds.', retryable: true },
  NODE_KEY_MISSING: {
    status: 503,
    title: 'The storage node has told no key to seal secrets for',
    advice: 'Try again; if it stays so, upgrade the executor of the node.',
    retryable: true,
  },
  NO_CHECKPOINT: {
    status: 503,
    title: 'No head of the audit trail was signed yet',
    advice: 'Try again after Retry-After seconds.',
    retryable: true,
  },
  AUDIT_UNAVAILABLE: {
    status: 503,
    title: 'The record for the audit trail cannot be written',
    advice: 'Nothing was changed. Try again after Retry-After seconds; if it stays so, look at the database of targets-service.',
    retryable: true,
  },
  NO_NODE: { status: 503, title: 'No storage node is online', advice: 'Start a storage node, or try again.', retryable: true },
  NODE_CORDONED: {
    status: 503,
    title: 'Every storage node with the image is cordoned',
    advice: 'End the cordon of one, or copy the image to another node.',
    retryable: true,
  },
  NODE_HELD: {
    status: 503,
    title: 'The storage node is held until its plan is accepted',
    advice: 'An admin reads GET /nodes/{id}/plan and accepts it; try again then.',
    retryable: true,
  },
  NODE_OFFLINE: {
    status: 503,
    title: 'The storage node does not answer',
    advice: 'Look at the node; try again after Retry-After seconds.',
    retryable: true,
  },
  NODE_BUSY: {
    status: 503,
    title: 'The storage node is held by another program',
    advice: 'End the program that holds the targetcli lock.',
    retryable: true,
  },
  NODE_WEDGED: {
    status: 503,
    title: 'The storage node hangs',
    advice: 'Look at GET /nodes; a reboot of the node may be needed.',
    retryable: true,
  },
  INTERNAL: { status: 500, title: 'Something went wrong inside', advice: 'Report the request_id to who runs this service.' },

  // why a storage node could not do it: these stand in last_error and in events
  BACKING_FILE_MISSING: {
    status: 409,
    title: 'The image file is gone from the node',
    advice: 'Copy the file back, then restart the target.',
  },
  BACKING_FILE_UNUSABLE: {
    status: 409,
    title: 'The image file cannot be opened as asked',
    advice: 'Check that it is a regular file and that the image folder is writable.',
  },
  BACKING_FILE_CHANGED: { status: 409, title: 'The image file has another size than registered', advice: 'Register the image anew.' },
  PORTAL_IN_USE: {
    status: 409,
    title: 'The portal address is taken by another program or target',
    advice: 'Free it, or change ISCSI_PORTAL_ADDRESS or ISCSI_PORTAL_PORT.',
  },
  FOREIGN_OBJECT: { status: 409, title: 'An object that is not ours has the name', advice: 'Remove it by hand if it is not needed.' },
  KERNEL_REFUSED: { status: 409, title: 'The kernel refused a step', advice: 'See the kernel log of the node.' },
  TARGETCLI_FAILED: { status: 409, title: 'targetcli refused a step', advice: 'See the log of the executor for the step.' },
  TARGETCLI_MISSING: { status: 503, title: 'targetcli cannot be started', advice: 'Run the doctor on the node.', retryable: true },
  TARGETCLI_TIMEOUT: {
    status: 503,
    title: 'targetcli did not answer in time',
    advice: 'See GET /nodes for the state of the node.',
    retryable: true,
  },
  READ_BACK_MISMATCH: {
    status: 409,
    title: 'The kernel does not show what was asked',
    advice: 'See the log of the executor for what differs.',
  },
  UNDO_FAILED: {
    status: 503,
    title: 'A failed step could not be undone',
    advice: 'It is tried again; see the log of the executor.',
    retryable: true,
  },
  STALE_GENERATION: { status: 409, title: 'A newer wish was seen', advice: 'Nothing: the newer wish holds.' },
} as const satisfies Record<string, ErrorCodeFacts>;

export type ErrorCode = keyof typeof ERROR_CODES;

export const errorFacts = (code: ErrorCode): ErrorCodeFacts => ERROR_CODES[code];
