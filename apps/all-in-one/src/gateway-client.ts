/** What the gateway answered when it was not what we asked for. */
export class Unexpected extends Error {
  constructor(
    readonly status: number,
    readonly body: { code?: string; detail?: string },
  ) {
    super(`${status} ${body.code ?? ''} ${body.detail ?? ''}`.trim());
  }
}

/** The gateway as any client sees it: fetch, JSON, a token. */
export class GatewayClient {
  private token?: string;

  constructor(private readonly url: string) {}

  async login(username: string, password: string): Promise<void> {
    const { access_token } = await this.send<{ access_token: string }>('POST', '/auth/login', { username, password });
    this.token = access_token;
  }

  /** @throws Unexpected for an answer of 400 and above */
  async send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(40_000),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Unexpected(response.status, answer as object);
    return answer;
  }
}
