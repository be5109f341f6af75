import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { clientConfig, connectionParameters, connectionProblems, passwordFor } from '@slotcast/postgres';

const options = { timeout: 5000 };
const applicationName = 'slotcast-publisher';

function parametersOf(url: string): Record<string, string> {
  const { values, problems } = connectionParameters(url, {});
  assert.deepEqual(problems, [], url);
  return Object.fromEntries(values);
}

function problemsOf(url: string | undefined, environment: Readonly<Record<string, string>> = {}): string[] {
  return connectionProblems(url, environment).map(({ variable, text }) => `${variable ?? 'URL'}: ${text}`);
}

function tlsOf(query: string): unknown {
  return clientConfig({ url: `postgresql://h?${query}`, applicationName }).ssl;
}

describe('a connection URI', options, () => {
  test('is read as libpq does, in each of its forms', () => {
    const cases: readonly (readonly [string, Record<string, string>])[] = [
      ['postgresql://u@h:5433/d', { user: 'u', host: 'h', port: '5433', dbname: 'd' }],
      ['postgres://u:p%40ss@h', { user: 'u', password: 'p@ss', host: 'h' }],
      ['postgresql://user@/db?host=/var/run/x', { user: 'user', dbname: 'db', host: '/var/run/x' }],
      ['postgresql://%2Ftmp%2Fs/d', { host: '/tmp/s', dbname: 'd' }],
      ['postgresql:///d?host=h&port=1', { dbname: 'd', host: 'h', port: '1' }],
      ['postgresql://[::1]:5433/d', { host: '::1', port: '5433', dbname: 'd' }],
      ['postgresql://[fe80::1]', { host: 'fe80::1' }],
      ['postgresql://h/100%25%20sure', { host: 'h', dbname: '100% sure' }],
      ['postgresql://h/a%2Fb%3Fc', { host: 'h', dbname: 'a/b?c' }],
      ['postgresql://h/d?user=v&password=%26', { host: 'h', dbname: 'd', user: 'v', password: '&' }],
      ['postgresql://a@h/d?host=other', { user: 'a', host: 'other', dbname: 'd' }],
      ['postgresql://h?application_name=a%20b', { host: 'h', application_name: 'a b' }],
      ['postgresql://h?ssl=true', { host: 'h', sslmode: 'require' }],
      ['postgresql://h:65535/d?user=v&', { host: 'h', port: '65535', dbname: 'd', user: 'v' }],
      ['postgresql://u:secret@h/d?password=&user=', { host: 'h', dbname: 'd' }],
    ];
    for (const [url, expected] of cases) {
      assert.deepEqual(parametersOf(url), expected, url);
    }
  });

  test('that is malformed is refused without repeating a password', () => {
    for (const url of [
      's3cret',
      'http://u:s3cret@h/d',
      'postgresql://u:s3cret@h/100%',
      'postgresql://u:s3cret%zz@h/d',
      'postgresql://u:s3cret@h/d%00',
      'postgresql://u:s3cret@h:port/d',
      'postgresql://u:s3cret@a,b/d',
      'postgresql://u:s3cret@a:1,b:2/d',
      'postgresql://u:s3cret@::1/d',
      'postgresql://u:s3cret@h:0/d',
      'postgresql://u:s3cret@h:65536/d',
      'postgresql://u:s3cret@h/d?sslmode',
      'postgresql://u:s3cret@h/d?=x',
      'postgresql://u:s3cret@h/d?&',
      'postgresql://u:s3cret@h/d?ssl=perhaps',
    ]) {
      const found = problemsOf(url);
      assert.notDeepEqual(found, [], url);
      assert.ok(!found.join().includes('s3cret'), found.join());
      assert.throws(() => clientConfig({ url, applicationName }), { name: 'ConnectionSettingsError' });
    }
  });
});

describe('a parameter of a connection', options, () => {
  test('that asks for what cannot be had is refused by its name, and so is an unknown one', () => {
    for (const parameter of [
      'target_session_attrs=read-write',
      'load_balance_hosts=random',
      'service=prod',
      'servicefile=/etc/x',
      'require_auth=scram-sha-256',
      'channel_binding=require',
      'gssencmode=require',
      'requirepeer=postgres',
      'requiressl=1',
      'sslcrldir=/etc/crl',
      'sslcertmode=require',
      'sslsni=0',
      'krbsrvname=postgres',
      'min_protocol_version=3.2',
      'client_encoding=LATIN1',
      'keepalives_count=3',
      'tcp_user_timeout=1000',
      'replication=true',
      'binary=true',
      'sslmode=allow',
      'hostaddr=db1',
      'statement_timeout=5',
      'query_timeout=5',
      'constructor=x',
    ]) {
      const [name] = parameter.split('=');
      const found = problemsOf(`postgresql://h/d?${parameter}`);
      assert.equal(found.length, 1, parameter);
      assert.match(found[0] ?? '', new RegExp(`^URL: ${name} (cannot be taken: .|is no parameter)`));
    }
  });

  test('that asks for no more than there is does no harm', () => {
    const query =
      'target_session_attrs=any&load_balance_hosts=disable&channel_binding=prefer&gssencmode=prefer&sslcompression=0&sslsni=1&client_encoding=utf8&max_protocol_version=latest&requiressl=0';
    assert.deepEqual(problemsOf(`postgresql://h/d?${query}`), []);
  });

  test('comes from the variable of libpq where the URL does not have it, and is refused there, too', () => {
    const environment = { PGUSER: 'u', PGPORT: '5433', PGHOST: '', PGSSLMODE: 'disable' };
    assert.deepEqual(Object.fromEntries(connectionParameters('postgresql://h:5434', environment).values), {
      user: 'u',
      port: '5434',
      host: 'h',
      sslmode: 'disable',
    });
    for (const [variable, value] of Object.entries({
      PGSERVICE: 'prod',
      PGTARGETSESSIONATTRS: 'primary',
      PGREQUIREAUTH: 'none',
      PGCHANNELBINDING: 'require',
      PGGSSENCMODE: 'require',
      PGREPLICATION: 'true',
      PGHOST: 'a,b',
    })) {
      const found = problemsOf('postgresql://h', { [variable]: value });
      assert.match(found.join(), new RegExp(`^${variable}: `));
    }
  });

  test('contradicts another one', () => {
    const contradictions: Readonly<Record<string, RegExp>> = {
      'sslnegotiation=direct': /needs sslmode=require/,
      'sslrootcert=system': /needs sslmode=verify-full/,
      'uselibpqcompat=true&sslmode=verify-ca': /needs sslrootcert/,
      'sslcert=/nosuch/c.pem': /belong together/,
    };
    for (const [query, reason] of Object.entries(contradictions)) {
      assert.match(problemsOf(`postgresql://h?${query}`).join(), reason);
    }
  });

  test('names the server: nobody wants one that nobody named', () => {
    assert.match(problemsOf('postgresql:///d').join(), /names no host/);
    assert.deepEqual(problemsOf('postgresql:///d', { PGHOST: '/tmp' }), []);
    assert.deepEqual(problemsOf('postgresql:///d?hostaddr=127.0.0.1'), []);
  });
});

describe('what node-postgres gets', options, () => {
  const folder = mkdtempSync(join(tmpdir(), 'slotcast-'));
  const file = (name: string): string => {
    writeFileSync(join(folder, name), name);
    return join(folder, name);
  };

  after(() => rmSync(folder, { recursive: true }));

  test('is a file that cannot be read never, but its name and what the system said', () => {
    for (const parameter of ['sslrootcert', 'sslcert', 'sslkey', 'sslcrl']) {
      const url = `postgresql://h?sslmode=verify-full&${parameter}=/nosuch.pem`;
      assert.match(problemsOf(url).join(), new RegExp(`${parameter} cannot be read: ENOENT.*/nosuch.pem`));
      assert.throws(() => clientConfig({ url, applicationName }), { name: 'ConnectionSettingsError' });
    }
  });

  test('encrypts as asked for, and verifies unless told not to', () => {
    const ca = file('ca.pem');
    assert.equal(tlsOf(''), false);
    assert.equal(tlsOf('sslmode=disable'), false);
    for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
      assert.deepEqual(tlsOf(`sslmode=${mode}`), {});
    }
    assert.deepEqual(tlsOf('sslmode=no-verify'), { rejectUnauthorized: false });
    assert.deepEqual(tlsOf(`sslrootcert=${ca}`), { ca: 'ca.pem' });
    assert.deepEqual(tlsOf('sslmode=verify-full&sslrootcert=system'), {});
    assert.deepEqual(
      tlsOf(
        `sslmode=require&sslcert=${file('c.pem')}&sslkey=${file('k.pem')}&sslpassword=s&sslcrl=${file('l.pem')}`,
      ),
      { cert: 'c.pem', key: 'k.pem', passphrase: 's', crl: 'l.pem' },
    );
    assert.deepEqual(tlsOf('sslmode=require&ssl_min_protocol_version=TLSv1.3'), { minVersion: 'TLSv1.3' });
    assert.deepEqual(tlsOf('sslmode=require&uselibpqcompat=true'), { rejectUnauthorized: false });
    assert.equal(tlsOf('sslmode=require&host=/tmp'), false);
  });

  test('goes to the address, and expects the certificate of the name', () => {
    const url = 'postgresql://db1.example?hostaddr=127.0.0.1&sslmode=verify-full';
    const config = clientConfig({ url, applicationName });
    assert.equal(config.host, '127.0.0.1');
    assert.deepEqual(config.ssl, { host: 'db1.example', servername: 'db1.example' });
  });

  test('has the time to connect, the keepalive and the name of the URL', () => {
    const query = 'connect_timeout=3&keepalives=0&keepalives_idle=7&application_name=billing';
    const config = clientConfig({ url: `postgresql://h?${query}`, applicationName });
    assert.equal(config.connectionTimeoutMillis, 3000);
    assert.equal(config.keepAlive, false);
    assert.equal(config.keepAliveInitialDelayMillis, 7000);
    assert.equal(config.application_name, 'billing');
  });
});

describe('a password file', options, () => {
  const question = { host: 'db1', port: '5432', database: 'app', user: 'slotcast' };

  test('has the password in the first line that fits', () => {
    const content = [
      '# db1:5432:app:slotcast:comment',
      'db1:5433:app:slotcast:port',
      'db2:*:*:*:host',
      'db1:5432:*:slotcast:right',
      '*:*:*:*:late',
    ].join('\n');
    assert.equal(passwordFor(content, question), 'right');
    assert.equal(passwordFor('', question), undefined);
  });

  test('takes what follows a backslash as it is', () => {
    assert.equal(passwordFor('db1:5432:app:slotcast:a\\:b\\\\c', question), 'a:b\\c');
    assert.equal(passwordFor('\\:\\:1:5432:app:slotcast:six', { ...question, host: '::1' }), 'six');
  });

  test('calls the usual folders of sockets localhost', () => {
    const content = 'localhost:5432:app:slotcast:local';
    assert.equal(passwordFor(content, { ...question, host: '/var/run/postgresql' }), 'local');
    assert.equal(passwordFor(content, { ...question, host: '/elsewhere' }), undefined);
  });
});
