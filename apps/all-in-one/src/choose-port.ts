import { PortTaken, claimPort } from '#embedded';

export interface PortChoice {
  purpose: string;
  /** Taken when it is free and no port was named. */
  usual?: number;
  /** Asked for by name: this one, or an error. */
  named?: number;
}

/**
 * Starts something on a port: the named one, else the usual one, else any that is free. Another program may take a port
 * between the look and the start, so one that was not named is only a proposal.
 * @throws PortTaken for a named port
 */
export const startOnPort = async <T>({ purpose, usual, named }: PortChoice, start: (port: number) => Promise<T>): Promise<T> => {
  if (named !== undefined) return start(await claimPort(purpose, named));
  for (let attempt = 1; ; attempt++) {
    const port = await claimPort(purpose, attempt === 1 ? usual : undefined).catch((error: unknown) => {
      if (error instanceof PortTaken) return claimPort(purpose);
      throw error;
    });
    try {
      return await start(port);
    } catch (error) {
      if (attempt === 3 || !(await isTaken(purpose, port))) throw error;
    }
  }
};

const isTaken = (purpose: string, port: number): Promise<boolean> =>
  claimPort(purpose, port).then(
    () => false,
    () => true,
  );
