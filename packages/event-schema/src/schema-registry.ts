/** The schema registry could not be asked, or refused. `status` is the HTTP status when there was an answer. */
export class SchemaRegistryError extends Error {
  override readonly name = 'SchemaRegistryError';
  readonly status: number | undefined;

  constructor(message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
  }
}

export interface SchemaRegistryOptions {
  /** Base URL of the registry; user name and password in it are sent as basic authentication. */
  readonly url: string;
  /** Limit for one request with its answer. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Ends requests under way. */
  readonly signal?: AbortSignal | undefined;
}

interface RegistryAnswer {
  readonly status: number;
  readonly body: Partial<Record<string, unknown>>;
}

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
/** Confluent's error code for an id that the registry does not have; any other 404 means a wrong URL. */
const SCHEMA_NOT_FOUND = 40403;

/**
 * Client of a Confluent-compatible schema registry: registers schemas and fetches them by id, each once. Failures are not
 * remembered: the next call asks again.
 */
export class SchemaRegistry {
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #idsBySubject = new Map<string, Promise<number>>();
  readonly #textsById = new Map<number, Promise<string | undefined>>();

  /** Throws a TypeError on a URL that is not http or https. */
  constructor(options: SchemaRegistryOptions) {
    const url = parseBaseUrl(options.url);
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    this.#headers = {
      accept: `${CONTENT_TYPE}, application/json`,
      'content-type': CONTENT_TYPE,
      ...(credentials !== ':' && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    };
    url.username = '';
    url.password = '';
    this.#base = url;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#signal = options.signal;
  }

  /**
   * Registers a schema (JSON text) under a subject, which is harmless when it is there already, and returns its id. Rejects with
   * a SchemaRegistryError when the registry cannot be reached or refuses, for one because it is not compatible (409).
   */
  register(subject: string, schemaText: string): Promise<number> {
    return remembered(this.#idsBySubject, JSON.stringify([subject, schemaText]), async () => {
      const path = `subjects/${encodeURIComponent(subject)}/versions`;
      const what = `registering schema ${subject}`;
      const { status, body } = await this.#request(what, path, JSON.stringify({ schema: schemaText }));
      const id = body['id'];
      if (
        !isSuccess(status) ||
        typeof id !== 'number' ||
        !Number.isInteger(id) ||
        id < 0 ||
        id > 0xffff_ffff
      ) {
        throw this.#refused(what, status, body);
      }
      return id;
    });
  }

  /**
   * The Avro schema (JSON text) with an id; `undefined` when the registry has no such id or it is not Avro. Rejects with a
   * SchemaRegistryError when the registry cannot be reached or refuses.
   */
  schemaById(id: number): Promise<string | undefined> {
    return remembered(this.#textsById, id, async () => {
      const what = `fetching schema id ${id}`;
      const { status, body } = await this.#request(what, `schemas/ids/${id}`);
      if (status === 404 && body['error_code'] === SCHEMA_NOT_FOUND) {
        return undefined;
      }
      const { schema, schemaType = 'AVRO' } = body;
      if (!isSuccess(status) || typeof schema !== 'string') {
        throw this.#refused(what, status, body);
      }
      return schemaType === 'AVRO' ? schema : undefined;
    });
  }

  async #request(what: string, path: string, body?: string): Promise<RegistryAnswer> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([timeout, this.#signal]);
    try {
      const response = await fetch(new URL(path, this.#base), {
        method: body === undefined ? 'GET' : 'POST',
        headers: this.#headers,
        signal,
        ...(body !== undefined && { body }),
      });
      return { status: response.status, body: readAnswer(await response.text()) };
    } catch (cause) {
      this.#signal?.throwIfAborted();
      const reason = timeout.aborted ? `no answer within ${this.#timeoutMs} ms` : describe(cause);
      throw new SchemaRegistryError(`${what} at ${this.#base.href} failed: ${reason}; is the registry up?`, {
        cause,
      });
    }
  }

  #refused(what: string, status: number, body: RegistryAnswer['body']): SchemaRegistryError {
    const answer = typeof body['message'] === 'string' ? body['message'] : 'an answer that is not understood';
    const message = `${what} at ${this.#base.href} was refused with HTTP ${status}: ${answer}; ${advice(status)}`;
    return new SchemaRegistryError(message, { status });
  }
}

/** Remembers what is under way and what succeeded, so that concurrent callers share one request; forgets failures. */
function remembered<K, V>(cache: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
  const known = cache.get(key);
  if (known !== undefined) {
    return known;
  }
  const asked = ask();
  cache.set(key, asked);
  asked.catch(() => cache.delete(key));
  return asked;
}

function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError('not a schema registry URL: expected one like https://user:password@registry:8081');
  }
  // Without the final slash the last part of the path would be replaced instead of extended.
  url.pathname = url.pathname.replace(/\/*$/, '/');
  return url;
}

function readAnswer(text: string): RegistryAnswer['body'] {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? { ...answer } : { message: text };
  } catch {
    return { message: text.slice(0, 200) };
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function advice(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'check the user name and password in the URL and their rights';
    case 404:
      return 'check the path of the URL';
    case 409:
      return "the subject's schemas are not compatible with slotcast's: give the topic to slotcast alone, or delete the subject";
    default:
      return "see the registry's log";
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  // fetch says only "fetch failed"; the cause has the system's reason.
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
