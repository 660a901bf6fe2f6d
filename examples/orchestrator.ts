import { connect, headers } from 'nats';

/** A session orchestrator over NATS: this machine, that image; resolves with the target that the machine can boot from. */
export async function startSession(
  server: string,
  login: { user: string; pass: string },
  token: string,
  machine_id: string,
  image_id: string,
) {
  const nats = await connect({ servers: server, ...login });
  const sent = headers();
  sent.set('Authorization', `Bearer ${token}`);
  sent.set('Prefer', 'wait=20');
  const answer = await nats.request('targets.create', JSON.stringify({ machine_id, image_id }), { headers: sent, timeout: 25_000 });
  await nats.close();
  if (answer.headers?.has('Nats-Service-Error')) throw new Error(answer.headers.get('Nats-Service-Error'));
  return answer.json<{ id: string; iqn: string; status: string; portal: { address: string; port: number } }>();
}
