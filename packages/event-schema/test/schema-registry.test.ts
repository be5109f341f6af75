import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createCodec, SchemaRegistry, SchemaRegistryError } from '@slotcast/event-schema';
import { exampleEvent, exampleManifest, exampleNode, exampleNodeSlot } from './examples.ts';

const TOPIC = 'slotcast.orders.slots';
const CREDENTIALS = `Basic ${Buffer.from('us er:p@ss').toString('base64')}`;

/** The registry's documented answers, for the two calls that slotcast makes. */
class RegistryServer {
  readonly subjects: string[] = [];
  readonly schemas: string[] = [];
  requests = 0;
  /** Answers the next requests with this instead. */
  failure: { status: number; body: string } | 'silence' | undefined;
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get port(): number {
    const address = this.#server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return address.port;
  }

  get url(): string {
    return `http://us%20er:p%40ss@127.0.0.1:${this.port}/registry`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    this.requests += 1;
    if (this.failure === 'silence') {
      return;
    }
    const { status, body } = this.failure ?? this.#route(request, Buffer.concat(chunks).toString('utf8'));
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(body);
  }

  #route(request: IncomingMessage, text: string): { status: number; body: string } {
    if (request.headers.authorization !== CREDENTIALS) {
      return { status: 401, body: '{"error_code":401,"message":"Unauthorized"}' };
    }
    const registration = /^\/registry\/subjects\/([^/]+)\/versions$/.exec(request.url ?? '');
    if (registration !== null && request.method === 'POST') {
      const { schema }: { schema: string } = JSON.parse(text);
      this.subjects.push(decodeURIComponent(registration[1] ?? ''));
      if (!this.schemas.includes(schema)) {
        this.schemas.push(schema);
      }
      return { status: 200, body: JSON.stringify({ id: 100 + this.schemas.indexOf(schema) }) };
    }
    const lookup = /^\/registry\/schemas\/ids\/(\d+)$/.exec(request.url ?? '');
    const schema = this.schemas[Number(lookup?.[1]) - 100];
    if (lookup !== null && request.method === 'GET' && schema !== undefined) {
      return { status: 200, body: JSON.stringify({ schema }) };
    }
    return lookup === null
      ? { status: 404, body: '{"error_code":404,"message":"HTTP 404 Not Found"}' }
      : { status: 404, body: '{"error_code":40403,"message":"Schema not found"}' };
  }
}

describe('with a schema registry', { timeout: 20_000 }, () => {
  let server: RegistryServer;
  before(async () => {
    server = new RegistryServer();
    await server.listen();
  });
  after(() => server.close());
  beforeEach(() => {
    server.failure = undefined;
    server.requests = 0;
  });

  test('all records are written in Confluent framing, registered by topic and record name, and read back', async () => {
    const codec = createCodec({ registry: new SchemaRegistry({ url: server.url }) });
    const [record] = await codec.encodeSlotEvent(TOPIC, exampleEvent);
    const manifest = await codec.encodeManifest(TOPIC, exampleManifest);
    const node = await codec.encodeNodeStatus('slotcast.orders.nodes', exampleNode);
    const nodeSlot = await codec.encodeNodeSlotStatus('slotcast.orders.nodes', exampleNodeSlot);
    assert.deepEqual(server.subjects, [
      'slotcast.orders.slots-io.slotcast.SlotState',
      'slotcast.orders.slots-io.slotcast.Manifest',
      'slotcast.orders.nodes-io.slotcast.NodeStatus',
      'slotcast.orders.nodes-io.slotcast.NodeSlotStatus',
    ]);
    assert.ok(record?.value);
    assert.equal(Buffer.from(record.value).subarray(0, 5).toString('hex'), '0000000064');
    assert.equal(Buffer.from(record.headers.get('schema') ?? []).toString(), '100');
    assert.equal(
      Buffer.from(record.headers.get('content-type') ?? []).toString(),
      'application/avro; framing=confluent',
    );
    const reader = createCodec({ registry: new SchemaRegistry({ url: server.url }) });
    assert.deepEqual(await reader.decodeSlotsRecord(record), exampleEvent);
    assert.deepEqual(await reader.decodeSlotsRecord(manifest), exampleManifest);
    assert.deepEqual(await reader.decodeNodesRecord(node), exampleNode);
    assert.deepEqual(await reader.decodeNodesRecord(nodeSlot), exampleNodeSlot);
  });

  test('each schema is registered and fetched once, even by concurrent calls', async () => {
    const codec = createCodec({ registry: new SchemaRegistry({ url: server.url }) });
    const written = await Promise.all(
      Array.from({ length: 5 }, () => codec.encodeSlotEvent(TOPIC, exampleEvent)),
    );
    assert.equal(server.requests, 1);
    await Promise.all(written.flat().map((record) => codec.decodeSlotsRecord(record)));
    await Promise.all(written.flat().map((record) => codec.decodeSlotsRecord(record)));
    assert.equal(server.requests, 2);
  });

  test('single objects that were written before the registry was configured are still read', async () => {
    const [record] = await createCodec().encodeSlotEvent(TOPIC, exampleEvent);
    assert.ok(record);
    const codec = createCodec({ registry: new SchemaRegistry({ url: server.url }) });
    assert.deepEqual(await codec.decodeSlotsRecord(record), exampleEvent);
    assert.equal(server.requests, 0);
  });

  test('a later schema version with more fields and symbols is read as the current one', async () => {
    const registry = new SchemaRegistry({ url: server.url });
    const codec = createCodec({ registry });
    const record = await codec.encodeNodeSlotStatus(TOPIC, exampleNodeSlot);
    const text = server.schemas.find((schema) => schema.includes('"name":"NodeSlotStatus"')) ?? '';
    const later = text
      .replace('"symbols":["absent"', '"symbols":["hibernating","absent"')
      .replace(
        '"fields":[',
        '"fields":[{"name":"shape","type":{"type":"map","values":"double"},"default":{}},',
      );
    assert.notEqual(later, text);
    const id = await registry.register('later', later);
    assert.ok(record.value);
    // The added map comes first and is empty: one zero byte. The state's index, one up for each symbol put before, is now "absent".
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, id, 0]), record.value.subarray(5)]);
    const headers = new Map([...record.headers].filter(([name]) => name !== 'schema'));
    assert.deepEqual(await codec.decodeNodesRecord({ ...record, value, headers }), {
      ...exampleNodeSlot,
      state: 'absent',
    });
    const hibernating = Buffer.from(value);
    const stateAt = hibernating.indexOf(Buffer.from([2, exampleNodeSlot.reasons.length * 2]));
    assert.ok(stateAt > 0);
    hibernating[stateAt] = 0;
    headers.set('state', Buffer.from('hibernating'));
    assert.deepEqual(await codec.decodeNodesRecord({ ...record, value: hibernating, headers }), {
      ...exampleNodeSlot,
      state: 'blocked',
    });
  });

  test('an id that the registry does not know, or of another record, makes a record malformed', async () => {
    const registry = new SchemaRegistry({ url: server.url });
    const codec = createCodec({ registry });
    const [record] = await codec.encodeSlotEvent(TOPIC, exampleEvent);
    const manifest = await codec.encodeManifest(TOPIC, exampleManifest);
    assert.ok(record);
    const unknown = await codec.decodeSlotsRecord({ ...record, value: Buffer.from('000000ffff00', 'hex') });
    assert.ok(unknown.kind === 'malformed');
    assert.match(unknown.reason, /65535/);
    const other = await codec.decodeSlotsRecord({ ...record, value: manifest.value });
    assert.ok(other.kind === 'malformed');
    assert.match(other.reason, /io\.slotcast\.Manifest.*io\.slotcast\.SlotState/);
    const notASchema = await registry.register('bad', '{"type":"record"}');
    const bad = await codec.decodeSlotsRecord({ ...record, value: Buffer.from([0, 0, 0, 0, notASchema, 0]) });
    assert.equal(bad.kind, 'malformed');
  });

  test('a refusal says what was tried, what the registry answered and what to do, and keeps no password', async () => {
    for (const [status, advice] of [
      [401, /user name and password/],
      [404, /path of the URL/],
      [409, /not compatible/],
      [500, /registry's log/],
    ] as const) {
      server.failure = { status, body: '{"error_code":1,"message":"because of reasons"}' };
      const codec = createCodec({ registry: new SchemaRegistry({ url: server.url }) });
      await assert.rejects(codec.encodeSlotEvent(TOPIC, exampleEvent), (error) => {
        assert.ok(error instanceof SchemaRegistryError);
        assert.equal(error.status, status);
        assert.match(error.message, /registering schema slotcast\.orders\.slots-io\.slotcast\.SlotState/);
        assert.match(error.message, /because of reasons/);
        assert.match(error.message, advice);
        assert.doesNotMatch(error.message, /p@ss|p%40ss/);
        return true;
      });
    }
  });

  test('a registry that is away is an error to try again after, not a malformed record', async () => {
    const codec = createCodec({ registry: new SchemaRegistry({ url: server.url }) });
    const [record] = await codec.encodeSlotEvent(TOPIC, exampleEvent);
    assert.ok(record);
    server.failure = { status: 503, body: '<html>no JSON at all</html>' };
    await assert.rejects(codec.decodeSlotsRecord(record), /503.*no JSON at all/);
    server.failure = undefined;
    assert.deepEqual(await codec.decodeSlotsRecord(record), exampleEvent);
    const nobody = new SchemaRegistry({ url: 'http://127.0.0.1:1/' });
    await assert.rejects(nobody.schemaById(1), /http:\/\/127\.0\.0\.1:1\/ failed: .*is the registry up/);
  });

  test('a registry that does not answer is given up after the timeout, or when the process stops', async () => {
    server.failure = 'silence';
    const hasty = new SchemaRegistry({ url: server.url, timeoutMs: 50 });
    await assert.rejects(hasty.schemaById(1), /no answer within 50 ms/);
    const stop = new AbortController();
    const stopping = new SchemaRegistry({ url: server.url, signal: stop.signal }).schemaById(1);
    const reason = new Error('stopped');
    stop.abort(reason);
    await assert.rejects(stopping, reason);
  });

  test('a URL that is no HTTP URL is refused without showing it', () => {
    for (const url of ['', 'registry:8081', 'ftp://user:secret@registry']) {
      assert.throws(
        () => new SchemaRegistry({ url }),
        (error) => error instanceof TypeError && !error.message.includes('secret'),
      );
    }
  });
});
