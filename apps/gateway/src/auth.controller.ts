import { Controller, Post, UseGuards } from '@nestjs/common';
import { ExchangeToken, Login } from '#contracts';
import { Exchange, type HttpExchange } from './http-exchange';
import { LoginRateGuard } from './login-rate.guard';
import { NatsClient } from './nats-client';

@Controller('auth')
export class AuthController {
  constructor(private readonly nats: NatsClient) {}

  @Post('login')
  @UseGuards(LoginRateGuard)
  login(@Exchange() http: HttpExchange) {
    return this.nats.ask(Login, http);
  }

  @Post('exchange')
  exchange(@Exchange() http: HttpExchange) {
    return this.nats.ask(ExchangeToken, http);
  }
}
