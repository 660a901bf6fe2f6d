import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import * as contract from '#contracts';
import type { RequestContext } from '#messaging';
import { createToken } from './access/create-token';
import { Door } from './access/door';
import { exchangeToken } from './access/exchange-token';
import { listTokens } from './access/list-tokens';
import { revokeToken } from './access/revoke-token';
import { Parts } from './parts';
import { SigningKey } from './signing-key';

/** API tokens: the door first, then the use case. */
@Controller()
export class TokensMessages {
  constructor(
    private readonly door: Door,
    private readonly parts: Parts,
    private readonly key: SigningKey,
  ) {}

  /** The text is added to the answer of the one call that made the token, and never to the answer that is kept for its key. */
  @MessagePattern(contract.CreateToken.subject)
  async createToken(@Payload() body: unknown, @Ctx() context: RequestContext) {
    let shown: { token?: string } = {};
    const answer = await this.door.admit(contract.CreateToken, body, context, async (input, caller) => {
      const { token, text } = await createToken(this.parts, input, caller);
      shown = { token: text };
      return token;
    });
    return { ...answer, ...shown };
  }

  @MessagePattern(contract.ListTokens.subject)
  listTokens(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ListTokens, body, context, (input, caller) => listTokens(this.parts, input, caller));
  }

  @MessagePattern(contract.RevokeToken.subject)
  revokeToken(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.RevokeToken, body, context, (input, caller) => revokeToken(this.parts, input, caller));
  }

  @MessagePattern(contract.ExchangeToken.subject)
  exchangeToken(@Payload() body: unknown, @Ctx() context: RequestContext) {
    return this.door.admit(contract.ExchangeToken, body, context, (_, caller) =>
      Promise.resolve(exchangeToken(caller, this.key.privateKey)),
    );
  }
}
