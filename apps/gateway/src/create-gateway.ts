import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import helmet from 'helmet';
import { MAX_BODY_BYTES } from '#contracts';
import { nestLogger, type Logger } from '#runtime';
import { answerUnreadable } from './answer-unreadable';
import type { AccessKey } from './auth.guard';
import type { Settings } from './config';
import { ErrorFilter } from './error.filter';
import { EventStreams } from './event-streams';
import { GatewayModule } from './gateway.module';
import { NatsClient } from './nats-client';
import { observeRequests } from './observe-requests';
import { openApi } from './openapi';
import { API_PREFIX } from './reply-headers';

/** For receiving a request; the answer has its own limits, all of them below this one. */
const REQUEST_LIMIT_MS = 30_000;
/** What no service has answered after so long is answered 503, so that leaving takes less than 2 s. */
const LEAVE_MS = 1_200;
/** Connections for each request and stream that may be at work: most of them stand idle. More are closed as they come. */
const IDLE_SHARE = 4;
/** A client that does not take its answer is cut off. */
const CUT_OFF_MS = 1_500;

/** The gateway with its routes, not yet connected and not yet listening. */
export const createGateway = async (settings: Settings, key: AccessKey, log: Logger): Promise<NestExpressApplication> => {
  const app = await NestFactory.create<NestExpressApplication>(GatewayModule.with(settings, key, log), {
    logger: nestLogger(log),
    bodyParser: false,
    abortOnError: false,
  });
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', settings.TRUSTED_PROXIES);
  app.setGlobalPrefix(API_PREFIX, { exclude: ['healthz', 'readyz', 'metrics'] });
  app.use(observeRequests(log), secureHeaders());
  // Any content type is read as bytes: the route then refuses another one than JSON, and the services' own reader parses it.
  app.useBodyParser('raw', { type: () => true, limit: MAX_BODY_BYTES, inflate: false });
  app.useGlobalFilters(new ErrorFilter(log));
  app.getHttpServer().maxConnections = IDLE_SHARE * (settings.MAX_REQUESTS + settings.MAX_EVENT_STREAMS);
  app.getHttpServer().on('clientError', answerUnreadable(log));
  SwaggerModule.setup('docs', app, () => openApi() as unknown as OpenAPIObject, {
    raw: ['json'],
    jsonDocumentUrl: 'docs/openapi.json',
    customSiteTitle: 'Spindle API',
    swaggerOptions: { persistAuthorization: false, validatorUrl: null },
  });
  return app;
};

/** What the page of /docs needs from its own origin, and nothing from elsewhere; the JSON answers need nothing at all. */
const secureHeaders = () =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // swagger-ui writes style attributes.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Whether a whole site speaks TLS is for the proxy to say that ends it.
    strictTransportSecurity: false,
  });

/** Connects to NATS in the background and listens. */
export const listen = async (app: NestExpressApplication, port: number, address: string): Promise<void> => {
  const server = app.getHttpServer();
  server.requestTimeout = REQUEST_LIMIT_MS;
  server.headersTimeout = 10_000;
  app.get(NatsClient).connect();
  await app.listen(port, address);
};

/** Ends the event streams, lets the answers that are under way out, then leaves NATS. */
export const leave = async (app: NestExpressApplication): Promise<void> => {
  const server = app.getHttpServer();
  const nats = app.get(NatsClient);
  app.get(EventStreams).closeAll();
  const giveUp = setTimeout(() => void nats.close(), LEAVE_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), CUT_OFF_MS);
  await app.close();
  clearTimeout(giveUp);
  clearTimeout(cutOff);
  await nats.close();
};
