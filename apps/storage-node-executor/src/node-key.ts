import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { chapSubject, type TargetWish } from '#contracts';
import { openBox, publicKeyText } from '#runtime';
import { CannotOpenSecrets, ChapCredentials } from './lio/chap-credentials';
import { writeWhole } from './state-folder';

const FILE = 'sealing-key.pem';
const Secrets = z.object({ secret: z.string(), mutual_secret: z.string().nullable() });

/** The node's own key: secrets come to it sealed, and lie so in the journal. Made at the first start; never leaves the node. */
export class NodeKey {
  readonly publicKey: string;

  private constructor(
    private readonly nodeId: string,
    private readonly privateKey: KeyObject,
  ) {
    this.publicKey = publicKeyText(privateKey);
  }

  static keep(stateDir: string, nodeId: string): NodeKey {
    try {
      return new NodeKey(nodeId, createPrivateKey(readFileSync(join(stateDir, FILE))));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const { privateKey } = generateKeyPairSync('x25519');
    writeWhole(stateDir, FILE, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim());
    return new NodeKey(nodeId, privateKey);
  }

  /** Null for a target without CHAP. @throws CannotOpenSecrets for a box that is not for this node and this very wish. */
  open(wish: TargetWish): ChapCredentials | null {
    if (!wish.chap) return null;
    let secrets: z.infer<typeof Secrets>;
    try {
      secrets = Secrets.parse(
        JSON.parse(openBox(this.privateKey, wish.chap.sealed, chapSubject(this.nodeId, wish.target_id, wish.chap.version))),
      );
    } catch {
      throw new CannotOpenSecrets(`the secrets of ${wish.target_id} are not sealed for this node`);
    }
    const mutual = secrets.mutual_secret;
    return new ChapCredentials({
      userid: wish.initiator_iqn,
      password: secrets.secret,
      userid_mutual: mutual === null ? '' : wish.iqn,
      password_mutual: mutual ?? '',
    });
  }
}
