import { Controller, Get, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Refused } from '#contracts';
import { AuthGuard } from './auth.guard';
import { EventStreams } from './event-streams';

@Controller('events')
export class EventsController {
  constructor(private readonly streams: EventStreams) {}

  @Get()
  @UseGuards(AuthGuard)
  async stream(@Req() request: Request, @Res() response: Response): Promise<void> {
    // Express sends HEAD here too; a stream without a body would stay open for nobody.
    if (request.method === 'HEAD') return void response.type('text/event-stream').end();
    return this.streams.serve(response, lastEventId(request.get('last-event-id')));
  }
}

/** Position in the stream as an earlier `id:` gave it; undefined begins with what comes from now on. */
const lastEventId = (header: string | undefined): number | undefined => {
  if (header === undefined || header === '') return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  throw new Refused('INVALID_VALUE', {
    errors: [{ field: 'Last-Event-ID', code: 'INVALID_VALUE', message: 'must be the id of an event' }],
  });
};
