import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ConfigError, describeConfig, loadConfig, postgresEnvironment, type Service } from '@slotcast/config';
import { matchesFilters } from '@slotcast/domain';

const minimal = {
  SLOTCAST_CLUSTER: 'orders',
  KAFKA_BOOTSTRAP_SERVERS: 'broker1:9092',
  PGHOST: '127.0.0.1',
};

const folder = mkdtempSync(join(tmpdir(), 'slotcast-config-'));
after(() => rmSync(folder, { recursive: true }));

function load(env: Record<string, string | undefined>, service: Service = 'publisher', file?: string) {
  return loadConfig({ env, file, service, hostName: 'db1' });
}

function problems(env: Record<string, string | undefined>, service: Service = 'publisher', file?: string) {
  try {
    load(env, service, file);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.exitCode, 78);
    return error.problems;
  }
  return [];
}

function fileWith(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const options = { timeout: 5000 };

describe('configuration', options, () => {
  test('has the documented defaults when only the required settings are given', () => {
    const config = load(minimal);
    assert.equal(config.node, 'db1');
    assert.equal(config.topicPrefix, 'slotcast');
    assert.equal(matchesFilters(config.slots, { name: 'any', type: 'logical' }), true);
    assert.deepEqual(config.plugins, ['pgoutput', 'test_decoding', 'wal2json', 'decoderbufs']);
    assert.equal(config.pollMinMs, 20);
    assert.equal(config.pollMaxMs, 250);
    assert.equal(config.lagMaxBytes, 64 * 1024 * 1024);
    assert.equal(config.lagMaxMs, 60_000);
    assert.equal(config.dropExtraSlots, true);
    assert.equal(config.takeOver, false);
    assert.deepEqual(config.httpListen, { host: '127.0.0.1', port: 9477 });
    assert.deepEqual(load(minimal, 'consumer').httpListen, { host: '127.0.0.1', port: 9478 });
    assert.deepEqual(load(minimal, 'node').httpListen, { host: '127.0.0.1', port: 9478 });
    assert.equal(load(minimal, 'cli').httpListen, 'off');
  });

  test('reports every problem at once, each with value, origin and expectation', () => {
    const found = problems({
      SLOTCAST_CLUSTER: 'or/ders',
      SLOTCAST_POLL_MIN_MS: 'soon',
      SLOTCAST_DROP_EXTRA_SLOTS: 'maybe',
      SLOTCAST_NODE: 'a/b',
    });
    assert.equal(found.length, 6);
    assert.ok(
      found.some((line) =>
        line.startsWith('SLOTCAST_CLUSTER: "or/ders" is not valid (from environment); expected 1 to 100'),
      ),
    );
    assert.ok(
      found.some((line) => /^SLOTCAST_POLL_MIN_MS: "soon" is not valid .*expected a time such as/.test(line)),
    );
    assert.ok(found.some((line) => /^SLOTCAST_DROP_EXTRA_SLOTS: "maybe".*expected true or false/.test(line)));
    assert.ok(found.some((line) => line.startsWith('SLOTCAST_NODE: "a/b"')));
    assert.ok(found.some((line) => line.startsWith('KAFKA_BOOTSTRAP_SERVERS: missing in the environment')));
    assert.ok(
      found.some((line) => line.startsWith('SLOTCAST_POSTGRES_URL: missing, and PGHOST too; the publisher')),
    );
  });

  test('takes the environment before the file, and the file before the default', () => {
    const file = fileWith('layers.env', 'SLOTCAST_CLUSTER=filed\nSLOTCAST_LOG_LEVEL=debug\n');
    const config = load({ ...minimal, SLOTCAST_CONFIG_FILE: file }, 'cli');
    assert.equal(config.cluster, 'orders');
    assert.equal(config.logLevel, 'debug');
    assert.equal(config.raw.get('SLOTCAST_LOG_LEVEL')?.origin, `file ${file}:2`);
    assert.equal(config.raw.get('SLOTCAST_TOPIC_PREFIX')?.origin, 'default');
  });

  test('the file named on the command line goes before the one in the environment', () => {
    const named = fileWith('named.env', 'SLOTCAST_LOG_LEVEL=warn');
    const other = fileWith('other.env', 'SLOTCAST_LOG_LEVEL=debug');
    assert.equal(load({ ...minimal, SLOTCAST_CONFIG_FILE: other }, 'cli', named).logLevel, 'warn');
  });

  test('reads quotes, comments and export in an env file', () => {
    const file = fileWith(
      'quotes.env',
      [
        '# a comment',
        'export SLOTCAST_CLUSTER = orders # trailing',
        `KAFKA_SASL_PASSWORD='p#a"s$s'`,
        'KAFKA_SASL_USERNAME="us\\"er"',
        'KAFKA_SASL_MECHANISM=plain',
        'KAFKA_SECURITY_PROTOCOL=sasl_ssl',
        'SLOTCAST_SLOTS=',
        'KAFKA_BOOTSTRAP_SERVERS=a:1, [::1]:2',
        '',
      ].join('\r\n'),
    );
    const config = load({}, 'cli', file);
    assert.equal(config.cluster, 'orders');
    assert.equal(config.kafkaSaslPassword, 'p#a"s$s');
    assert.equal(config.kafkaSaslUsername, 'us"er');
    assert.equal(config.kafkaSaslMechanism, 'PLAIN');
    assert.deepEqual(config.slots.include, []);
    assert.deepEqual(config.kafkaBootstrapServers, ['a:1', '[::1]:2']);
  });

  test('reads numbers, booleans and lists in a JSON file', () => {
    const file = fileWith(
      'all.json',
      JSON.stringify({ SLOTCAST_POLL_MIN_MS: 30, SLOTCAST_TAKE_OVER: true, SLOTCAST_SLOTS: ['a', '!b'] }),
    );
    const config = load(minimal, 'cli', file);
    assert.equal(config.pollMinMs, 30);
    assert.equal(config.takeOver, true);
    assert.deepEqual(config.slots.include, [{ key: 'name', value: 'a' }]);
    assert.deepEqual(config.slots.exclude, [{ key: 'name', value: 'b' }]);
  });

  test('a broken file is reported with its place and without its content', () => {
    const env = fileWith('broken.env', 'SLOTCAST_CLUSTER=a\nhunter2\nKAFKA_SASL_PASSWORD="hunter2\n');
    assert.deepEqual(problems(minimal, 'cli', env), [
      `line 2 of file ${env} is malformed; expected NAME=value`,
      `line 3 of file ${env} is malformed; expected NAME=value`,
    ]);
    const json = fileWith('broken.json', '{"KAFKA_SASL_PASSWORD": hunter2}');
    const [line] = problems(minimal, 'cli', json);
    assert.match(line ?? '', /is not JSON/);
    assert.doesNotMatch(line ?? '', /hunter2/);
    const nested = fileWith('nested.json', '{"SLOTCAST_SLOTS": {"a": 1}}');
    assert.match(problems(minimal, 'cli', nested)[0] ?? '', /^SLOTCAST_SLOTS: wrong type/);
    assert.match(problems(minimal, 'cli', join(folder, 'none.env'))[0] ?? '', /cannot be read/);
  });

  test('a file that cannot be read is named, with the reason', () => {
    const [line = ''] = problems(minimal, 'cli', folder);
    assert.match(line, /EISDIR/);
    assert.ok(line.startsWith(`the configuration file ${folder} cannot be read`));
    const utf16 = join(folder, 'utf16.env');
    writeFileSync(utf16, Buffer.from('\ufeffSLOTCAST_LOG_LEVEL=debug\r\n', 'utf16le'));
    assert.deepEqual(problems(minimal, 'cli', utf16), [
      `file ${utf16} is not text in UTF-8; save it in that encoding`,
    ]);
  });

  test('a byte order mark and Windows line ends are no part of a file', () => {
    const env = fileWith('bom.env', '\ufeffSLOTCAST_LOG_LEVEL=debug\r\nSLOTCAST_NODE=db2\r\n');
    assert.equal(load(minimal, 'cli', env).logLevel, 'debug');
    assert.equal(load(minimal, 'cli', env).node, 'db2');
    const json = fileWith('bom.json', '\ufeff{"SLOTCAST_LOG_LEVEL": "debug"}\r\n');
    assert.equal(load(minimal, 'cli', json).logLevel, 'debug');
  });

  test('a name that a file gives twice is refused, as one of the two would be ignored', () => {
    const env = fileWith('twice.env', 'SLOTCAST_NODE=a\nPGUSER=x\nexport SLOTCAST_NODE=b\n');
    assert.deepEqual(problems(minimal, 'cli', env), [
      `SLOTCAST_NODE: is given twice (from file ${env}:1 and file ${env}:3); keep the one that is meant`,
    ]);
    const json = fileWith(
      'twice.json',
      '{"SLOTCAST_NODE": "a", "SLOTCAST_SLOTS": ["x:\\"", "SLOTCAST_NODE"], "PGUSER": "}:", "SLOTCAST_NOD\\u0045" : "b"}',
    );
    assert.ok(
      problems(minimal, 'cli', json).includes(
        `SLOTCAST_NODE: is given twice (from file ${json}); keep the one that is meant`,
      ),
    );
  });

  test('an unknown name is an error that suggests the nearest one', () => {
    assert.deepEqual(problems({ ...minimal, SLOTCAST_LOGLEVEL: 'debug' }), [
      'SLOTCAST_LOGLEVEL: unknown setting (from environment); did you mean SLOTCAST_LOG_LEVEL?',
    ]);
    assert.match(
      problems({ ...minimal, KAFKA_SASL_MECHANISMS: 'PLAIN' })[0] ?? '',
      /did you mean KAFKA_SASL_MECHANISM\?/,
    );
    const file = fileWith('typo.env', 'KAFKA_BOOTSTRAP_SERVER=a:1');
    assert.match(problems(minimal, 'cli', file)[0] ?? '', /did you mean KAFKA_BOOTSTRAP_SERVERS\?/);
  });

  test("other tools' variables in the environment are left alone", () => {
    assert.deepEqual(
      problems({ ...minimal, KAFKA_HEAP_OPTS: '-Xmx1g', PGTZ: 'UTC', SLOTCAST_TEST_KAFKA: 'a:1' }),
      [],
    );
  });

  test('a planned setting is refused instead of being ignored', () => {
    assert.deepEqual(problems({ ...minimal, SLOTCAST_RESTART_COMMAND: 'true' }), [
      'SLOTCAST_RESTART_COMMAND: not available in this version (from environment); remove it',
    ]);
  });

  test('an empty value counts as not set, except for lists', () => {
    const config = load({ ...minimal, SLOTCAST_LOG_LEVEL: '', SLOTCAST_SLOTS: '' });
    assert.equal(config.logLevel, 'info');
    assert.deepEqual(config.slots.include, []);
  });

  test('times and sizes take units', () => {
    const config = load({
      ...minimal,
      SLOTCAST_POLL_MIN_MS: '500ms',
      SLOTCAST_POLL_MAX_MS: '1.5 s',
      SLOTCAST_LAG_MAX_SECONDS: '10 min',
      SLOTCAST_LAG_MAX_BYTES: '1GB',
    });
    assert.equal(config.pollMinMs, 500);
    assert.equal(config.pollMaxMs, 1500);
    assert.equal(config.lagMaxMs, 600_000);
    assert.equal(config.lagMaxBytes, 1024 ** 3);
    assert.equal(load({ ...minimal, SLOTCAST_LAG_MAX_SECONDS: '5' }).lagMaxMs, 5000);
  });

  test('values out of range are refused', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['SLOTCAST_POLL_MIN_MS', '0'],
      ['SLOTCAST_MAX_EVENTS_PER_SECOND', '0'],
      ['SLOTCAST_MAX_EVENTS_PER_SECOND', '1e3'],
      ['SLOTCAST_ADVANCE_DUTY', '1.5'],
      ['SLOTCAST_ADVANCE_DUTY', '0'],
      ['SLOTCAST_LAG_MAX_BYTES', '5 parsecs'],
      ['SLOTCAST_HTTP_LISTEN', '127.0.0.1'],
      ['SLOTCAST_HTTP_LISTEN', '127.0.0.1:70000'],
      ['SLOTCAST_NODE', ' db1'],
      ['SLOTCAST_NODE', 'db\u0007'],
      ['SLOTCAST_CLUSTER', 'ö'],
      ['SLOTCAST_PLUGINS', 'pgoutput,../evil'],
      ['SLOTCAST_PLUGINS', '$libdir/evil'],
      ['SLOTCAST_SLOTS', 'nmae:a'],
      ['SLOTCAST_SLOTS', 'a,'],
      ['SLOTCAST_ON_CONFLICT', 'ignore'],
      ['SLOTCAST_LOG_LEVEL', 'loud'],
      ['SLOTCAST_POSTGRES_URL', 'host=db1 password=x'],
      ['SLOTCAST_SCHEMA_REGISTRY_URL', 'registry:8081'],
      ['KAFKA_BOOTSTRAP_SERVERS', 'broker'],
      ['KAFKA_BOOTSTRAP_SERVERS', ','],
      ['KAFKA_BOOTSTRAP_SERVERS', 'kafka://broker:9092'],
      ['KAFKA_SECURITY_PROTOCOL', 'TLS'],
      ['PGPORT', '0'],
      ['PGSSLMODE', 'allow'],
    ];
    for (const [name, value] of cases) {
      const found = problems({ ...minimal, [name]: value });
      assert.equal(found.length, 1, `${name}=${value}: ${found.join(' | ')}`);
      assert.match(found[0] ?? '', new RegExp(`^${name}: .*expected `), `${name}=${value}`);
    }
  });

  test('the shortest pause may not exceed the longest', () => {
    assert.match(
      problems({ ...minimal, SLOTCAST_POLL_MIN_MS: '300' })[0] ?? '',
      /300 ms is more than SLOTCAST_POLL_MAX_MS, 250 ms/,
    );
  });

  test('SASL needs mechanism, user and password, and only a SASL protocol may have them', () => {
    const missing = problems({ ...minimal, KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' });
    assert.deepEqual(
      missing.map((line) => line.split(':')[0]),
      ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'],
    );
    assert.match(
      problems({ ...minimal, KAFKA_SASL_PASSWORD: 'hunter2' })[0] ?? '',
      /has no effect with KAFKA_SECURITY_PROTOCOL=PLAINTEXT/,
    );
  });

  test('a malformed SASL mechanism is not also reported as missing', () => {
    const found = problems({
      ...minimal,
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SASL_MECHANISM: 'GSSAPI',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'p',
    });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', /one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512/);
  });

  test('TLS files with an unencrypted protocol are refused, and so is a certificate without key', () => {
    assert.match(
      problems({ ...minimal, KAFKA_SSL_CA_LOCATION: '/ca.pem' })[0] ?? '',
      /expected SSL or SASL_SSL/,
    );
    assert.match(
      problems({ ...minimal, KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CERTIFICATE_LOCATION: '/c.pem' })[0] ??
        '',
      /^KAFKA_SSL_KEY_LOCATION: missing/,
    );
  });

  test('what stands in the way of a connection is told with the rest, and what is malformed once', () => {
    const file = fileWith('pg.env', 'PGUSER=slotcast');
    const asked: unknown[] = [];
    const load = (env: Record<string, string | undefined>, service: Service = 'consumer') =>
      loadConfig({
        env,
        service,
        file,
        hostName: 'db1',
        postgresProblems: (url, environment) => {
          asked.push([url, environment['PGUSER'], environment['PGSERVICE']]);
          return [
            { variable: undefined, text: 'names no host' },
            { variable: 'PGSERVICE', text: 'service files are not read' },
            { variable: 'PGPORT', text: 'expected one port' },
          ];
        },
      });
    const env = { ...minimal, SLOTCAST_POSTGRES_URL: 'postgresql://', PGSERVICE: 'prod', PGPORT: 'x' };
    assert.throws(
      () => load(env),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(
          error.problems.map((line) => line.split(/[ :]/)[0]),
          ['PGPORT', 'SLOTCAST_POSTGRES_URL', 'PGSERVICE'],
        );
        return true;
      },
    );
    assert.deepEqual(asked, [['postgresql://', 'slotcast', 'prod']]);
    load({ ...minimal, PGHOST: undefined }, 'cli');
    assert.equal(asked.length, 1);
  });

  test('the command line tools need no PostgreSQL', () => {
    assert.deepEqual(problems({ ...minimal, PGHOST: undefined }, 'cli'), []);
  });

  test('PG* settings of a file are handed on as environment variables', () => {
    const file = fileWith('pg.env', 'PGUSER=slotcast\nPGPASSFILE=/etc/pgpass');
    assert.deepEqual(postgresEnvironment(load(minimal, 'publisher', file)), {
      PGHOST: '127.0.0.1',
      PGUSER: 'slotcast',
      PGPASSFILE: '/etc/pgpass',
    });
  });

  test('secrets are in neither problems nor descriptions', () => {
    const secret = 'hunter2';
    const env = {
      ...minimal,
      SLOTCAST_POSTGRES_URL: `postgresql://slotcast:${secret}@db1/postgres?sslmode=require&sslpassword=${secret}`,
      SLOTCAST_SCHEMA_REGISTRY_URL: `http://u:${secret}@registry:8081`,
      PGPASSWORD: secret,
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SASL_MECHANISM: 'PLAIN',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: secret,
      KAFKA_SSL_KEY_PASSWORD: secret,
    };
    const described = describeConfig(load(env));
    assert.doesNotMatch(JSON.stringify(described), new RegExp(secret));
    assert.equal(
      described.find((line) => line.name === 'SLOTCAST_POSTGRES_URL')?.value,
      'postgresql://slotcast:***@db1/postgres?sslmode=require&sslpassword=***',
    );
    const broken = problems({
      ...env,
      SLOTCAST_POSTGRES_URL: `mysql://u:${secret}@x`,
      SLOTCAST_SCHEMA_REGISTRY_URL: secret,
    });
    assert.equal(broken.length, 2);
    assert.doesNotMatch(broken.join(), new RegExp(secret));
  });

  test('a password with reserved characters is hidden as a whole', () => {
    const env = { ...minimal, SLOTCAST_POSTGRES_URL: 'postgresql://u:p@ss:w0rd@db1/x' };
    const shown = describeConfig(load(env)).find((line) => line.name === 'SLOTCAST_POSTGRES_URL');
    assert.equal(shown?.value, 'postgresql://u:***@db1/x');
  });
});
