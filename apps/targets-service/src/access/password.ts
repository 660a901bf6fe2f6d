import { hash, verify } from '@node-rs/argon2';

/** argon2id with OWASP's parameters, which are the library's own: 19 MiB, 2 passes, 1 lane; some 25 ms of one core. */
export const hashPassword = (password: string): Promise<string> => hash(password);

/** Of nobody: verifying against it makes an unknown name take as long as a wrong password. */
const NOBODY = hash('nobody has this password');

export const passwordIsRight = async (password: string, passwordHash: string | undefined): Promise<boolean> => {
  const right = await verify(passwordHash ?? (await NOBODY), password);
  return right && passwordHash !== undefined;
};
