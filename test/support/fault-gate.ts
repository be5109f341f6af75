import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** When a step meets its fault: before the server gets the statement, while it works on it, or when its answer is held back. */
export type FaultSide = 'before' | 'during' | 'after';

/** One statement that was seen on its way to the server. */
export interface SeenStep {
  /** With the values of its parameters, as they are sent. */
  readonly text: string;
}

interface Armed {
  readonly steps: RegExp;
  readonly index: number;
  readonly side: FaultSide;
  /** Steps count from the answer to such a statement on. */
  readonly since?: RegExp;
  /** Only the connection of the step is held up, and it goes on after the fault as if nothing had been. */
  readonly alone?: boolean;
  readonly fault: (step: SeenStep) => Promise<void>;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Frames of PostgreSQL's protocol: a type of one byte, which the first of a client lacks, then a length that counts itself. */
const TYPE_BYTES = 1;
const LENGTH_BYTES = 4;

/**
 * Stands between a service and its server and counts the statements that are steps of something. At a chosen one it stops all traffic, has a
 * fault happen, and drops every connection, so that a process can be killed between any two steps, however short they are. Or it stops that one statement
 * alone, as a slow network or a process that is frozen does.
 */
export class FaultGate {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  /** Which step since the gate was armed a statement was. */
  #indexes = new WeakMap<SeenStep, number>();
  #armed: Armed | undefined;
  #count = 0;
  #halted = false;
  #during: SeenStep | undefined;
  #hasBegun = false;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
  }

  static async start(targetPort: number): Promise<FaultGate> {
    const server = createServer();
    const gate = new FaultGate(server, targetPort);
    server.on('connection', (client) => gate.#admit(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return gate;
  }

  /** Where a service connects to instead of the server. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('the gate does not listen');
    }
    return address.port;
  }

  /** Steps that went by since the gate was armed. */
  get steps(): number {
    return this.#count;
  }

  /**
   * Has the fault happen at the step of this index, from 0, among the statements that match. Resolves when it has happened. Traffic stops
   * meanwhile; afterwards new connections are let through. Of a connection that is held up `alone` the step goes on afterwards.
   */
  arm(options: Omit<Armed, 'done' | 'failed'>): Promise<void> {
    this.#count = 0;
    this.#hasBegun = options.since === undefined;
    return new Promise((resolve, reject) => {
      this.#armed = { ...options, done: resolve, failed: reject };
    });
  }

  /** Lets everything through. */
  disarm(): void {
    this.#armed = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #admit(client: Socket): void {
    if (this.#halted) {
      client.destroy();
      return;
    }
    const upstream = connect(this.#targetPort, '127.0.0.1');
    const link: Link = new Link(client, upstream, (step, side) =>
      this.#meets(step, side, () => link.resume()),
    );
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('end', () => other.end());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => link.fromClient(data));
    upstream.on('data', (data) => link.fromServer(data));
  }

  /** True when the traffic has to stop here. During a step what the client still says is let through, and the answer is not. */
  #meets(step: SeenStep, side: 'before' | 'after', resume: () => void): boolean {
    if (this.#during === step && side === 'after') {
      return true;
    }
    if (this.#halted) {
      return this.#during !== step;
    }
    const armed = this.#armed;
    if (armed === undefined || !this.#isMet(armed, step, side)) {
      return false;
    }
    this.#halted = armed.alone !== true;
    this.#armed = undefined;
    this.#during = armed.side === 'during' ? step : undefined;
    armed
      .fault(step)
      .then(armed.done, armed.failed)
      .finally(() => {
        this.#during = undefined;
        if (armed.alone === true) {
          resume();
        } else {
          this.#cutAll();
          this.#halted = false;
        }
      });
    return armed.side !== 'during';
  }

  #isMet(armed: Armed, step: SeenStep, side: 'before' | 'after'): boolean {
    if (!this.#hasBegun) {
      this.#hasBegun = side === 'after' && armed.since?.test(step.text) === true;
      return false;
    }
    if (!armed.steps.test(step.text)) {
      return false;
    }
    // Both sides of a step have the same index: the server has its statement before its answer.
    const index = side === 'before' ? this.#count++ : (this.#indexes.get(step) ?? -1);
    this.#indexes.set(step, index);
    const isHere = side === 'before' ? armed.side !== 'after' : armed.side === 'after';
    return index === armed.index && isHere;
  }

  #cutAll(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}

/** One connection through the gate. What comes after a halt waits for its end, which the connection may not live to see. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #meets: (step: SeenStep, side: 'before' | 'after') => boolean;
  readonly #prepared = new Map<string, string>();
  /** What the server has yet to say "ready for query" to. */
  readonly #waiting: SeenStep[] = [];
  #started = false;
  #fromClient: Buffer = Buffer.alloc(0);
  #fromServer: Buffer = Buffer.alloc(0);
  #executing: SeenStep = { text: '' };
  #halted = false;
  /** What was stopped at the halt. */
  #passOn: () => void = () => undefined;

  constructor(
    client: Socket,
    upstream: Socket,
    meets: (step: SeenStep, side: 'before' | 'after') => boolean,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#meets = meets;
  }

  fromClient(data: Buffer): void {
    this.#fromClient = Buffer.concat([this.#fromClient, data]);
    for (;;) {
      const head = this.#started ? TYPE_BYTES : 0;
      const frame = firstFrame(this.#fromClient, head);
      if (frame === undefined || this.#halted) {
        return;
      }
      this.#fromClient = this.#fromClient.subarray(frame.length);
      if (this.#started ? this.#stopsAt(frame) : false) {
        this.#halt(() => this.#upstream.write(frame));
        return;
      }
      this.#started = true;
      this.#upstream.write(frame);
    }
  }

  fromServer(data: Buffer): void {
    this.#fromServer = Buffer.concat([this.#fromServer, data]);
    for (;;) {
      const frame = firstFrame(this.#fromServer, TYPE_BYTES);
      if (frame === undefined || this.#halted) {
        return;
      }
      this.#fromServer = this.#fromServer.subarray(frame.length);
      if (frame.toString('latin1', 0, 1) === 'Z') {
        const step = this.#waiting.shift();
        if (step !== undefined && this.#meets(step, 'after')) {
          this.#halt(() => this.#client.write(frame));
          return;
        }
      }
      this.#client.write(frame);
    }
  }

  /** Goes on after a halt. */
  resume(): void {
    if (this.#halted) {
      this.#halted = false;
      this.#passOn();
      this.fromServer(Buffer.alloc(0));
      this.fromClient(Buffer.alloc(0));
    }
  }

  #halt(passOn: () => void): void {
    this.#halted = true;
    this.#passOn = passOn;
  }

  /** Notes what the client asks for; true when it is not to reach the server. */
  #stopsAt(frame: Buffer): boolean {
    const body = frame.subarray(TYPE_BYTES + LENGTH_BYTES);
    switch (frame.toString('latin1', 0, 1)) {
      case 'Q': {
        const step = { text: textAt(body, 0) };
        this.#waiting.push(step);
        return this.#meets(step, 'before');
      }
      case 'P': {
        const name = textAt(body, 0);
        this.#prepared.set(name, textAt(body, Buffer.byteLength(name) + 1));
        return false;
      }
      case 'B': {
        const portal = textAt(body, 0);
        const name = textAt(body, Buffer.byteLength(portal) + 1);
        const values = body.toString('latin1', Buffer.byteLength(portal) + Buffer.byteLength(name) + 2);
        this.#executing = { text: `${this.#prepared.get(name) ?? ''}\n${values}` };
        return this.#meets(this.#executing, 'before');
      }
      case 'S':
        this.#waiting.push(this.#executing);
        return false;
      default:
        return false;
    }
  }
}

function firstFrame(data: Buffer, head: number): Buffer | undefined {
  if (data.length < head + LENGTH_BYTES) {
    return undefined;
  }
  const length = head + data.readInt32BE(head);
  return data.length < length ? undefined : data.subarray(0, length);
}

function textAt(body: Buffer, offset: number): string {
  return body.toString('utf8', offset, body.indexOf(0, offset));
}
