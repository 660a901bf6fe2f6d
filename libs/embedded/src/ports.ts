import { createServer } from 'node:net';

/** A port that was asked for by name is in use by somebody else. */
export class PortTaken extends Error {
  constructor(
    readonly port: number,
    readonly purpose: string,
  ) {
    super(`Port ${port} on 127.0.0.1, asked for as the ${purpose}, is in use by another program: end that program or name another port.`);
    this.name = 'PortTaken';
  }
}

/** Drawn by this process. The kernel may draw one again that is not bound yet, for two who start at the same time. */
const drawn = new Set<number>();

/** The named port if it is free (else PortTaken), or any free one on loopback. The caller binds it later: between the two it can be lost. */
export async function claimPort(purpose: string, named?: number): Promise<number> {
  try {
    if (named !== undefined) return await bindOnce(named);
    for (;;) {
      const port = await bindOnce(0);
      if (drawn.has(port)) continue;
      drawn.add(port);
      return port;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (named !== undefined && (code === 'EADDRINUSE' || code === 'EACCES')) throw new PortTaken(named, purpose);
    throw error;
  }
}

function bindOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
