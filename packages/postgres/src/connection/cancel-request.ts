import { connect } from 'node:net';

/** Code of a CancelRequest in the place of a protocol version: 1234 in the high half, 5678 in the low one. */
const CANCEL_REQUEST_CODE = (1234 << 16) | 5678;
const CANCEL_REQUEST_BYTES = 16;

/** The server process to interrupt, and the secret that it gave to its client for that. */
export interface CancelTarget {
  readonly host: string;
  readonly port: number;
  readonly processId: number;
  readonly secretKey: number;
}

/**
 * Asks the server to interrupt what a session is doing (protocol message CancelRequest). Resolves when the server has closed the
 * connection, which it does after it has sent the signal, so a later statement of that session cannot be hit. It
 * never tells whether there was something to interrupt. Like libpq's PQcancel it goes without TLS, which servers accept whatever
 * `pg_hba.conf` says. Rejects when the server is not reachable or does not close the connection in `timeoutMs`.
 */
export async function sendCancelRequest(target: CancelTarget, timeoutMs: number): Promise<void> {
  const message = Buffer.alloc(CANCEL_REQUEST_BYTES);
  message.writeInt32BE(CANCEL_REQUEST_BYTES, 0);
  message.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  message.writeInt32BE(target.processId, 8);
  message.writeInt32BE(target.secretKey, 12);
  const { host, port } = target;
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  await new Promise<void>((resolve, reject) => {
    socket.setTimeout(timeoutMs, () => {
      socket.destroy(new Error(`${host}:${port} did not take a cancel request within ${timeoutMs} ms`));
    });
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.once('connect', () => socket.write(message));
    socket.resume();
  });
}
