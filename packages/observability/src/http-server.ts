import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ErrorCode, errorText, formatListen, type ListenAddress, SlotcastError } from '@slotcast/kernel';
import type { Registry } from 'prom-client';
import type { FencedAnswer, HealthSource, ReadinessCondition } from './health.ts';

/** A command that is given over HTTP; resolves with what is sent back as JSON. Its signal is aborted when the client is gone. */
export type HttpCommand = (query: URLSearchParams, signal: AbortSignal) => Promise<object>;

export interface HttpServerOptions {
  readonly listen: ListenAddress | 'off';
  /** By path; taken by POST, from this machine or with the token only. */
  readonly commands?: ReadonlyMap<string, HttpCommand>;
  readonly token?: string | undefined;
  /** Asked at each request, so it must be cheap. */
  readonly health: HealthSource;
  /** The same. */
  readonly fenced: () => FencedAnswer;
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>;
}

export interface HttpServer {
  /** Where it listens, with the real port; `undefined` when off. */
  readonly address: ListenAddress | undefined;
  /** Ends at once, open connections included. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Header of every command. */
export const COMMAND_HEADER = 'x-slotcast-command';

const PLAIN = 'text/plain; charset=utf-8';

/**
 * Serves `/livez` (200, or 503 when only a restart helps), `/readyz` (200 when every check holds, otherwise 503 with the failed ones), `/fenced` (200 on a primary whose fence and
 * hand-off stand, otherwise 503 with the reason) and `/metrics`.
 * Throws a SlotcastError SC_HTTP_LISTEN when the address cannot be had.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { listen } = options;
  if (listen === 'off') {
    return { address: undefined, close: () => Promise.resolve() };
  }
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the client is gone')));
    answer(request, options, gone.signal).then(
      (result) => send(response, request, result),
      (error: unknown) =>
        send(response, request, { status: 500, type: PLAIN, body: `${errorText(error)}\n` }),
    );
  });
  await listenOn(server, listen);
  const bound = server.address();
  return {
    address: isAddressInfo(bound) ? { host: bound.address, port: bound.port } : listen,
    close: () => closeServer(server),
  };
}

async function answer(
  request: IncomingMessage,
  options: HttpServerOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const command = options.commands?.get(pathOf(request));
  if (command !== undefined && request.method === 'POST') {
    return runCommand(request, { command, token: options.token, signal });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: PLAIN, body: 'only GET and HEAD\n' };
  }
  switch (pathOf(request)) {
    case '/livez':
      return options.health.alive()
        ? { status: 200, type: PLAIN, body: 'ok\n' }
        : { status: 503, type: PLAIN, body: 'the service hangs\n' };
    case '/readyz':
      return readiness(options.health.checks());
    case '/fenced': {
      const fenced = options.fenced();
      return json(fenced.fenced ? 200 : 503, fenced);
    }
    case '/metrics':
      return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() };
    default:
      return {
        status: 404,
        type: PLAIN,
        body: 'not found; there are /livez, /readyz, /fenced and /metrics\n',
      };
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').replace(/\?.*$/, '');
}

async function runCommand(
  request: IncomingMessage,
  {
    command,
    token,
    signal,
  }: {
    readonly command: HttpCommand;
    readonly token: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<Answer> {
  try {
    if (!mayCommand(request, token)) {
      throw new SlotcastError(
        'SC_CONTROL_DENIED',
        `commands from ${request.socket.remoteAddress} are refused`,
      );
    }
    const query = new URL(request.url ?? '', 'http://localhost').searchParams;
    return json(200, await command(query, signal));
  } catch (error) {
    const known =
      error instanceof SlotcastError ? error : new SlotcastError('SC_UNEXPECTED', errorText(error));
    const { code, message, remedy } = known;
    return json(statuses[code] ?? 409, { error: { code, message, remedy } });
  }
}

const statuses: Partial<Record<ErrorCode, number>> = {
  SC_USAGE: 400,
  SC_CONTROL_DENIED: 403,
  SC_UNEXPECTED: 500,
};

/** From this machine only a program that says so by the header: a web page in a browser cannot send it here. */
function mayCommand(request: IncomingMessage, token: string | undefined): boolean {
  const { authorization = '' } = request.headers;
  if (token !== undefined && authorization !== '') {
    return sameText(authorization, `Bearer ${token}`);
  }
  const isLocal = /^(::ffff:)?127\.|^::1$/.test(request.socket.remoteAddress ?? '');
  return isLocal && request.headers[COMMAND_HEADER] !== undefined;
}

/** Takes the same time wherever the texts differ. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function json(status: number, body: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}

function readiness(checks: readonly ReadinessCondition[]): Answer {
  const failed = checks.filter((check) => !check.ok);
  const shown = failed.length > 0 ? failed : checks;
  const lines = shown.map(({ name, ok, detail }) => `${ok ? 'ok' : 'failed'} ${name}: ${oneLine(detail)}\n`);
  return { status: failed.length > 0 ? 503 : 200, type: PLAIN, body: lines.join('') };
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ');
}

function send(response: ServerResponse, request: IncomingMessage, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listenOn(server: Server, listen: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new SlotcastError(
          'SC_HTTP_LISTEN',
          `the HTTP endpoint cannot listen on ${formatListen(listen)}: ${errorText(error)}`,
          { cause: error },
        ),
      );
    });
    server.listen(listen.port, listen.host, () => resolve());
  });
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
