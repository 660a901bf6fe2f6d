import { BlockList, isIP } from 'node:net';
import { commonSettings, setting } from '#runtime';
import { z } from 'zod';

const isProxyAddress = (text: string): boolean => {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
    return /^\d+$/.test(prefix);
  } catch {
    return false;
  }
};

export const Settings = z.object({
  ...commonSettings,
  HTTP_PORT: setting.port(3000).describe('Port of the HTTP API.'),
  HTTP_ADDRESS: setting.text('127.0.0.1').describe('Address it listens on; put TLS in front before it is another one than loopback.'),
  AUTH_PUBLIC_KEY_FILE: z
    .string()
    .min(1)
    .describe('PEM file with the public half (P-256) of the key that targets-service signs access tokens with.'),
  TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .refine(
      (addresses) => addresses.every(isProxyAddress),
      'must be addresses, CIDR ranges or loopback, linklocal, uniquelocal, with commas',
    )
    .describe('Proxies whose X-Forwarded-For is believed, with commas: addresses, CIDR ranges, or loopback, linklocal, uniquelocal.'),
  REQUEST_TIMEOUT_MS: setting.wholeNumber(5_000, 100, 28_000).describe('How long an answer on NATS is waited for.'),
  CREATE_REPLY_MS: setting
    .wholeNumber(4_000, 0, 25_000)
    .describe('As in targets-service: after how long it answers PENDING. The gateway waits at least 1,000 ms longer.'),
  LOGIN_RATE_PER_MINUTE: setting
    .wholeNumber(20, 1, 100_000)
    .describe('Login attempts a client address (IPv6: a /64) may make in a minute.'),
  MAX_REQUESTS: setting
    .wholeNumber(1_000, 1, 100_000)
    .describe('Requests that wait for an answer at once; more are refused with RATE_LIMITED.'),
  MAX_EVENT_STREAMS: setting.wholeNumber(200, 1, 100_000).describe('Event streams open at once; more are refused with RATE_LIMITED.'),
});

export type Settings = z.output<typeof Settings>;
