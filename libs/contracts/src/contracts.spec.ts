import {
  CreateImage,
  CreateMachine,
  CreateTarget,
  ListTargets,
  PERMISSIONS,
  REQUESTS,
  Refused,
  Role,
  lowerRole,
  mayDo,
  mayRevoke,
  parseInput,
  type Action,
} from './index';

const refusal = (schema: Parameters<typeof parseInput>[0], value: unknown) => {
  try {
    parseInput(schema, value);
  } catch (error) {
    return error as Refused;
  }
  throw new Error('was accepted');
};

const machine = '0192f0c0-0000-7000-8000-000000000001';
const image = '0192f0c0-0000-7000-8000-000000000002';

describe('parseInput', () => {
  it.each([
    ['an unknown field', { machine_id: machine, image_id: image, size: 1 }, 'UNKNOWN_FIELD', 'size'],
    ['a missing field', { machine_id: machine }, 'REQUIRED_FIELD', 'image_id'],
    ['an id that is no UUID', { machine_id: 'pc-1', image_id: image }, 'INVALID_ID', 'machine_id'],
    [
      'an upper-case IQN',
      { machine_id: machine, image_id: image, initiator_iqn: 'iqn.2025-01.io.Spindle:x' },
      'INVALID_IQN',
      'initiator_iqn',
    ],
    [
      'an IQN with an underscore',
      { machine_id: machine, image_id: image, initiator_iqn: 'iqn.2025-01.io.spindle:a_b' },
      'INVALID_IQN',
      'initiator_iqn',
    ],
    ['a string for a boolean', { machine_id: machine, image_id: image, read_only: 'true' }, 'WRONG_TYPE', 'read_only'],
  ])('names %s', (_what, body, code, field) => {
    const refused = refusal(CreateTarget.input, body);

    expect(refused.code).toBe(code);
    expect(refused.details.errors?.[0]).toMatchObject({ field, code });
  });

  it('shows the name of an unknown field by codes where a reader would take it for another', () => {
    const [fault] = refusal(CreateTarget.input, { machine_id: machine, image_id: image, 'ch\u0430p\u202e\n\\': 1 }).details.errors!;

    expect(fault).toEqual({ field: 'ch\\u0430p\\u202e\\u000a\\u005c', code: 'UNKNOWN_FIELD', message: 'is unknown' });
  });

  it.each(['../x.img', '/etc/passwd', 'a b', "a'b", 'a\nb', 'a%b', 'a|b', 'ä.img', '.hidden', 'x'.repeat(129)])(
    'refuses %j as an image file',
    (file) => {
      expect(refusal(CreateImage.input, { name: 'x', file }).code).toBe('INVALID_IMAGE_FILE');
    },
  );

  it.each(['a b', 'a"b', "a'b", 'a\nb', 'a%b', 'a|b', 'ä', ''])('refuses %j as a name', (name) => {
    expect(refusal(CreateMachine.input, { name, mac_address: '52:54:00:00:00:01' }).code).toBe('INVALID_NAME');
  });

  it('says VALIDATION_FAILED when fields are at fault in different ways', () => {
    const refused = refusal(CreateMachine.input, { name: 'a b', mac_address: 'x' });

    expect(refused.code).toBe('VALIDATION_FAILED');
    expect(refused.details.errors?.map((error) => error.code)).toEqual(['INVALID_NAME', 'INVALID_MAC_ADDRESS']);
  });

  it('keeps MAC addresses in lower case with colons', () => {
    expect(parseInput(CreateMachine.input, { name: 'a', mac_address: '52-54-00-AB-CD-EF' })).toMatchObject({
      mac_address: '52:54:00:ab:cd:ef',
    });
  });

  it('fills in the defaults of a list', () => {
    expect(parseInput(ListTargets.input, {})).toEqual({ limit: 50, include_deleted: false });
  });
});

describe('Refused', () => {
  it('survives the wire', () => {
    const sent = new Refused('MACHINE_HAS_TARGET', { resourceId: machine, hint: 'It is ACTIVE.' });

    const received = Refused.fromProblem(JSON.parse(JSON.stringify(sent.toProblem('r-1'))));

    expect(received.code).toBe('MACHINE_HAS_TARGET');
    expect(received.details).toMatchObject({ resourceId: machine, hint: 'It is ACTIVE.' });
  });

  it('makes INTERNAL of an answer that is no problem of ours', () => {
    expect(Refused.fromProblem({ error: 'ECONNREFUSED 10.0.0.1' }).code).toBe('INTERNAL');
  });
});

describe('the contract', () => {
  it('has a rule for every request', () => {
    expect(REQUESTS.filter(({ subject }) => PERMISSIONS[subject] === undefined)).toEqual([]);
  });

  it('has each subject and each route once', () => {
    const routes = REQUESTS.map(({ http }) => `${http.method} ${http.path}`);

    expect(new Set(REQUESTS.map(({ subject }) => subject)).size).toBe(REQUESTS.length);
    expect(new Set(routes).size).toBe(REQUESTS.length);
  });
});

describe('the permissions', () => {
  const roles = Role.options;
  const actions = Object.keys(PERMISSIONS) as Action[];

  it.each(roles.flatMap((one) => roles.map((other) => [one, other] as const)))('of %s and %s together are what both have', (one, other) => {
    const both = lowerRole(one, other);

    for (const action of actions) expect(mayDo(both, action)).toBe(mayDo(one, action) && mayDo(other, action));
    expect(lowerRole(other, one)).toBe(both);
  });

  it('let no API token make another, and no login go on without its password', () => {
    const having = (proof: 'login' | 'api-token') =>
      (['tokens.create', 'auth.exchange'] as const).map((action) => mayDo('admin', action, proof));

    expect([having('login'), having('api-token')]).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  const token = { id: 't-1', user_id: 'u-1' };
  it.each([
    ['its user, logged in', { userId: 'u-1', role: 'viewer' }, true],
    ['itself', { userId: 'u-1', role: 'viewer', tokenId: 't-1' }, true],
    ['another token of its user', { userId: 'u-1', role: 'operator', tokenId: 't-2' }, false],
    ['somebody else', { userId: 'u-2', role: 'operator' }, false],
    ['an admin', { userId: 'u-2', role: 'admin' }, true],
    ['an admin’s token with less than an admin’s role', { userId: 'u-2', role: 'operator', tokenId: 't-2' }, false],
  ] as const)('say whether a token may be revoked by %s', (_who, holder, may) => {
    expect(mayRevoke(holder, token)).toBe(may);
  });
});
