import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory, ISocketFactoryArgs } from 'kafkajs';
import type { BootstrapServers } from './bootstrap-servers.ts';
import { formatAddress, fromKafkajs } from './broker-address.ts';
import { BrokerConnectionError, noAnswer } from './broker-connection-error.ts';

const KEEP_ALIVE_MS = 60_000;

/** All connections of one kafkajs client: what became of them, and a way to end them that does not depend on kafkajs. */
export class ClientSockets {
  readonly create: ISocketFactory = (wanted) => this.#create(wanted);
  readonly #servers: BootstrapServers;
  readonly #connectTimeoutMs: number;
  readonly #open = new Set<Socket>();
  #lastFailure: BrokerConnectionError | undefined;
  #abandoned: Error | undefined;

  constructor(servers: BootstrapServers, connectTimeoutMs: number) {
    this.#servers = servers;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** Why the last connection that failed did so. */
  get lastFailure(): BrokerConnectionError | undefined {
    return this.#lastFailure;
  }

  /** False once it is abandoned. */
  get isUsable(): boolean {
    return this.#abandoned === undefined;
  }

  /** Ends all connections at once and makes no more: whatever kafkajs is still trying reaches no broker. */
  abandon(reason: Error): void {
    this.#abandoned ??= reason;
    for (const socket of this.#open) {
      // kafkajs hears of an error only; nobody waits on a connection that it has ended itself.
      socket.destroy(socket.writableEnded ? undefined : reason);
    }
  }

  #create({ host: given, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
    if (this.#abandoned !== undefined) {
      throw this.#abandoned;
    }
    const host = fromKafkajs(given);
    // kafkajs gives null when there is no TLS, whatever its types say.
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
      : connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#watch(socket, formatAddress(host, port), ssl ? 'secureConnect' : 'connect');
    return socket;
  }

  #watch(socket: Socket, address: string, connected: 'connect' | 'secureConnect'): void {
    const fail = (error: Error): void => {
      if (this.#abandoned !== undefined) {
        return;
      }
      this.#lastFailure = new BrokerConnectionError(address, error);
      this.#servers.failed(address);
    };
    const limit = setTimeout(() => {
      const stage = connected === 'secureConnect' ? 'no TLS connection' : 'no connection';
      socket.destroy(noAnswer(`${stage} within ${this.#connectTimeoutMs} ms`));
    }, this.#connectTimeoutMs);
    let answered = false;
    this.#open.add(socket);
    socket
      .once(connected, () => clearTimeout(limit))
      .once('data', () => {
        answered = true;
        this.#servers.answered(address);
      })
      .on('error', fail)
      .prependOnceListener('end', () => {
        // Before Node ends its own side, too: otherwise this is the other side's part of one's own end.
        if (!answered && !socket.writableEnded) {
          fail(new Error('closed the connection without an answer'));
        }
      })
      .once('close', () => {
        clearTimeout(limit);
        this.#open.delete(socket);
      });
  }
}
