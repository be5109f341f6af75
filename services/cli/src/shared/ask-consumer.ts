import type { Config } from '@slotcast/config';
import {
  type ErrorCode,
  errorCodes,
  errorText,
  formatListen,
  type ListenAddress,
  SlotcastError,
} from '@slotcast/kernel';
import { COMMAND_HEADER } from '@slotcast/observability';

/** What a command may take longer than its own time. */
const GRACE_MS = 5000;

export interface ConsumerQuestion {
  readonly config: Config;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The half of the node that is asked; the consumer when not given. */
  readonly service?: 'consumer' | 'publisher';
  readonly signal: AbortSignal;
}

/**
 * Gives a command to the running consumer, or publisher, of this node. `undefined` when none listens. Throws the SlotcastError that it answered
 * with, or SC_NOT_FOLLOWING, or SC_NOT_PUBLISHING, when it does not answer in time.
 */
export async function askConsumer(question: ConsumerQuestion): Promise<object | undefined> {
  const { config, path, parameters, timeoutMs, service = 'consumer', signal } = question;
  const unanswered = service === 'consumer' ? 'SC_NOT_FOLLOWING' : 'SC_NOT_PUBLISHING';
  const { httpListen, httpToken, node, cluster } = config;
  if (httpListen === 'off') {
    return undefined;
  }
  const query = new URLSearchParams({ node, cluster, ...parameters });
  const patience = AbortSignal.timeout(timeoutMs + GRACE_MS);
  const place = formatListen(reachable(httpListen));
  try {
    const response = await fetch(`http://${place}${path}?${query.toString()}`, {
      method: 'POST',
      headers: {
        [COMMAND_HEADER]: '1',
        ...(httpToken === undefined ? {} : { authorization: `Bearer ${httpToken}` }),
      },
      signal: AbortSignal.any([signal, patience]),
    });
    return readAnswer(await response.text(), response.status, place);
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) {
      throw new SlotcastError(unanswered, `the ${service} at ${place} did not answer in time`);
    }
    if (isRefused(error)) {
      return undefined;
    }
    if (error instanceof TypeError && error.cause !== undefined) {
      // Whatever fetch says: the connection broke, or there is no way to the address.
      const cause = errorText(error.cause ?? error);
      throw new SlotcastError(unanswered, `the ${service} at ${place} cannot be asked: ${cause}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** An address to listen on at every interface is reached on the loopback one. */
function reachable({ host, port }: ListenAddress): ListenAddress {
  return { host: host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host, port };
}

function readAnswer(text: string, status: number, place: string): object {
  const answer: unknown = text.startsWith('{') ? JSON.parse(text) : undefined;
  if (status === 200 && typeof answer === 'object' && answer !== null) {
    return answer;
  }
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined;
  if (typeof error === 'object' && error !== null && 'code' in error && 'message' in error) {
    const { code } = error;
    if (isErrorCode(code)) {
      throw new SlotcastError(code, String(error.message));
    }
  }
  throw new SlotcastError(
    'SC_OTHER_NODE',
    `what listens at ${place} answered with status ${status}: ${text.trim()}`,
  );
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}

/** Nobody listens there. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}
