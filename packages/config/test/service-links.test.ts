import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, configTable, loadConfig } from '@slotcast/config';
import fc from 'fast-check';

const timeout = 20_000;

const required = { SLOTCAST_CLUSTER: 'orders', KAFKA_BOOTSTRAP_SERVERS: 'broker1:9092' };

function load(env: Readonly<Record<string, string>>) {
  return loadConfig({ env: { ...required, ...env }, service: 'cli', hostName: 'db1' });
}

interface Port {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** What the kubelet sets for a Service (`FromServices` and `makeLinkVariables` in `pkg/kubelet/envvars`). */
function serviceVariables(service: string, ip: string, ports: readonly Port[]): Record<string, string> {
  const prefix = service.toUpperCase().replaceAll('-', '_');
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const variables: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: ip };
  for (const [index, { name, port, protocol }] of ports.entries()) {
    const url = `${protocol.toLowerCase()}://${host}:${port}`;
    const link = `${prefix}_PORT_${port}_${protocol}`;
    if (index === 0) {
      variables[`${prefix}_SERVICE_PORT`] = String(port);
      variables[`${prefix}_PORT`] = url;
    }
    variables[`${prefix}_SERVICE_PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(port);
    variables[link] = url;
    variables[`${link}_PROTO`] = protocol.toLowerCase();
    variables[`${link}_PORT`] = String(port);
    variables[`${link}_ADDR`] = ip;
  }
  return variables;
}

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
const port = fc.record({
  name: label,
  port: fc.integer({ min: 1, max: 65_535 }),
  protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
});
const variablesOfServices = fc
  .record({
    begin: fc.constantFrom('slotcast', 'kafka-ssl', 'kafka-sasl', 'kafka-security'),
    end: fc.option(label, { nil: undefined }),
    ip: fc.oneof(fc.ipV4(), fc.ipV6()),
    ports: fc.array(port, { minLength: 1, maxLength: 3 }),
  })
  .map(({ begin, end, ip, ports }) =>
    serviceVariables(end === undefined ? begin : `${begin}-${end}`, ip, ports),
  );

test('a Service of any name stops nothing, and its variables are told apart from settings', {
  timeout,
}, () => {
  fc.assert(
    fc.property(variablesOfServices, (variables) => {
      const foreign = Object.keys(variables).filter((name) => /^(SLOTCAST_|KAFKA_S)/.test(name));
      // A Service named kafka-ssl makes KAFKA_SSL_PORT, which is foreign; one named slotcast-test belongs to the tests.
      const seen = load(variables).serviceLinks;
      assert.deepEqual(seen, foreign.filter((name) => !name.startsWith('SLOTCAST_TEST_')).toSorted());
    }),
  );
});

test('the variables of a container that Docker links are left alone, too', { timeout }, () => {
  const linked = { SLOTCAST_NAME: '/web/slotcast', SLOTCAST_ENV_SLOTCAST_CLUSTER: 'other' };
  assert.deepEqual(load(linked).serviceLinks, ['SLOTCAST_ENV_SLOTCAST_CLUSTER', 'SLOTCAST_NAME']);
});

test('a name of that form with a value that only a person writes is still refused', { timeout }, () => {
  const mistakes = {
    SLOTCAST_SERVICE_HOST: 'broker1',
    SLOTCAST_SERVICE_PORT: 'http',
    SLOTCAST_PORT: '9477',
    SLOTCAST_HTTP_PORT: '127.0.0.1:9477',
    SLOTCAST_POSTGRES_PORT: '5432',
    SLOTCAST_POSTGRES_NAME: 'orders',
    SLOTCAST_PORT_5432_TCP: 'postgresql://db1:5432/orders',
    SLOTCAST_ENV_NODE: 'db1',
    KAFKA_SSL_PORT: '9093',
  };
  for (const [name, value] of Object.entries(mistakes)) {
    assert.throws(
      () => load({ [name]: value }),
      (error) =>
        error instanceof ConfigError && error.problems.some((line) => line.startsWith(`${name}: unknown`)),
      `${name}=${value}`,
    );
  }
});

test('no setting has a name that a Service could set', { timeout }, () => {
  const names = configTable.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => /_(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_\d.*|NAME)$|_ENV_/.test(name)),
    [],
  );
});
