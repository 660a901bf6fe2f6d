import { relative } from 'node:path';
import type { Spindle } from './start-spindle';

/** What a person needs to go on by hand: addresses, the login, and lines to copy. */
export const wayIn = ({ endpoints }: Spindle, dataDir: string): string => {
  const folder = relative(process.cwd(), dataDir) || '.';
  const option = folder === '.spindle' ? '' : `--data-dir ${folder} `;
  const token = `$(curl -s ${endpoints.http_url}/api/v1/auth/login -H 'content-type: application/json' -d '{"username":"${endpoints.username}","password":"${endpoints.password}"}' | sed 's/.*"access_token":"\\([^"]*\\).*/\\1/')`;
  return `
  API         ${endpoints.http_url}/api/v1
  documents   ${endpoints.http_url}/docs
  NATS        ${endpoints.nats_url}  (user ${endpoints.nats_user}, password in ${folder}/endpoints.json)
  portal      ${endpoints.portal.host}:${endpoints.portal.port}
  images      ${endpoints.image_root}
  login       ${endpoints.username} / ${endpoints.password}
  logs        ${folder}/logs, ${folder}/lab/executor.log

  TOKEN=${token}
  curl -s ${endpoints.http_url}/api/v1/targets -H "authorization: Bearer $TOKEN"
  npm run nats -- ${option}request targets.list '{}'
  npm run nats -- ${option}listen 'target.*'
`;
};
