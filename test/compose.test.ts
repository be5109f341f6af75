import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { configTable, loadConfig } from '@slotcast/config';
import { parse } from 'yaml';
import { type Fields, fields, list, pathOf, read } from './support/deploy-files.ts';

const options = { timeout: 20_000 };

/** A version to the last number, so that the same file starts the same servers next year. */
const pinned = /^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$/;

const dockerfileKeywords = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'EXPOSE', 'ENTRYPOINT', 'CMD'];

const compose = fields(parse(read('docker-compose.yml'), { merge: true }));
const services = new Map([...fields(compose.get('services'))].map(([name, value]) => [name, fields(value)]));
const ownServices = new Map([...services].filter(([, service]) => service.has('build')));

function environmentOf(service: Fields): Record<string, string> {
  return Object.fromEntries(
    [...fields(service.get('environment'))].map(([name, value]) => [name, String(value)]),
  );
}

function mountsOf(service: Fields): { source: string; target: string }[] {
  return list(service.get('volumes')).map((mount) => {
    const [source = '', target = ''] = String(mount).split(':');
    return { source, target };
  });
}

describe('docker-compose.yml', options, () => {
  test('pins every image to a full version', () => {
    for (const [name, service] of services) {
      assert.match(String(service.get('image')), pinned, name);
    }
  });

  test('has the services that README.md lists, and no other', () => {
    const section = /## With Docker\n([\s\S]*?)\n## /.exec(read('README.md'))?.[1] ?? '';
    const rows = [...section.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell = '']) => cell);
    const listed = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
    assert.deepEqual(listed.toSorted(), [...services.keys()].toSorted());
  });

  test('gives each node a configuration that it accepts', () => {
    const started = [...ownServices].map(([name, service]) => ({
      name,
      service,
      command: list(service.get('command'))[0],
    }));
    assert.deepEqual(new Set(started.map(({ command }) => command)), new Set(['node', 'topic']));
    for (const { name, service, command } of started) {
      const kind = command === 'node' ? command : 'cli';
      const config = loadConfig({ env: environmentOf(service), file: undefined, service: kind });
      assert.ok(kind === 'cli' || name === `${kind}-${config.node}`, `${name} has the node ${config.node}`);
    }
  });

  test('names only settings that exist', () => {
    const known = new Set(configTable.map((row) => row.name));
    for (const [name, service] of ownServices) {
      for (const variable of Object.keys(environmentOf(service))) {
        assert.ok(known.has(variable), `${name}: ${variable}`);
      }
    }
  });

  test('waits for services, and mounts volumes and files, that exist', () => {
    const volumes = fields(compose.get('volumes'));
    for (const [name, service] of services) {
      for (const needed of fields(service.get('depends_on')).keys()) {
        assert.ok(services.has(needed), `${name} waits for ${needed}`);
      }
      for (const { source } of mountsOf(service)) {
        const exists = source.startsWith('./') ? existsSync(pathOf(source)) : volumes.has(source);
        assert.ok(exists, `${name} mounts ${source}`);
      }
    }
  });

  test('asks every server and service whether it is well', () => {
    const endless = [...services].filter(([name]) => name !== 'topics');
    for (const [name, service] of endless) {
      assert.ok(fields(service.get('healthcheck')).has('test'), name);
    }
  });

  test('publishes the HTTP port that a service listens on, under a port of its own, to this host only', () => {
    const ports: string[] = [];
    for (const [name, service] of ownServices) {
      const command = list(service.get('command'))[0];
      if (command !== 'node') {
        continue;
      }
      const config = loadConfig({ env: environmentOf(service), file: undefined, service: command });
      assert.ok(config.httpListen !== 'off', name);
      const { host, port } = config.httpListen;
      assert.equal(host, '0.0.0.0', `${name} can be reached from outside its container`);
      const [published = '', ...more] = list(service.get('ports')).map(String);
      assert.deepEqual(more, [], name);
      assert.match(published, new RegExp(`^127\\.0\\.0\\.1:\\d+:${port}$`), name);
      ports.push(published.split(':')[1] ?? '');
      const asked = String(list(fields(service.get('healthcheck')).get('test')).at(-1));
      assert.ok(asked.includes(`http://127.0.0.1:${port}/readyz`), name);
    }
    assert.equal(new Set(ports).size, ports.length);
    assert.equal(ports.length, 2);
  });

  test('mounts shell scripts that bash can parse', () => {
    const scripts = new Set([...services.values()].flatMap(mountsOf).map(({ source }) => source));
    for (const script of [...scripts].filter((source) => source.endsWith('.sh'))) {
      const { status, stderr } = spawnSync('bash', ['-n', pathOf(script)], { encoding: 'utf8' });
      assert.equal(status, 0, `${script}: ${stderr}`);
    }
  });
});

interface Instruction {
  readonly keyword: string;
  readonly rest: string;
}

/** Instructions of the Dockerfile, which has no continued lines. */
const instructions: readonly Instruction[] = read('Dockerfile')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [keyword = '', ...rest] = line.split(' ');
    return { keyword, rest: rest.join(' ') };
  });

function restsOf(keyword: string): string[] {
  return instructions.filter((instruction) => instruction.keyword === keyword).map(({ rest }) => rest);
}

describe('the Dockerfile', options, () => {
  test('has known instructions only, and begins with FROM', () => {
    assert.equal(instructions[0]?.keyword, 'FROM');
    for (const { keyword, rest } of instructions) {
      assert.ok(dockerfileKeywords.includes(keyword) && rest !== '', `${keyword} ${rest}`);
      assert.ok(!rest.endsWith('\\'), `${keyword} goes on in the next line`);
    }
  });

  test('pins its base images', () => {
    for (const from of restsOf('FROM')) {
      assert.match(from.split(' ')[0] ?? '', pinned);
    }
  });

  test('copies what exists and what .dockerignore lets through, or from an earlier stage', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const earlier: string[] = [];
    let stage = '';
    for (const { keyword, rest } of instructions) {
      if (keyword === 'FROM') {
        earlier.push(stage);
        stage = / AS (\S+)$/.exec(rest)?.[1] ?? '';
      }
      if (keyword !== 'COPY') {
        continue;
      }
      const parts = rest.split(' ');
      const from = parts.find((part) => part.startsWith('--from='))?.slice('--from='.length);
      if (from !== undefined) {
        assert.ok(from !== '' && earlier.includes(from), `stage ${from}`);
        continue;
      }
      for (const source of parts.slice(0, -1)) {
        assert.ok(existsSync(pathOf(source)), source);
        assert.ok(allowed.includes(`!${source}`), `${source} is kept out by .dockerignore`);
      }
    }
  });

  test('runs slotcast, which exists, as another user than root', () => {
    const last = instructions.map(({ keyword }) => keyword).lastIndexOf('FROM');
    const runtime = instructions.slice(last);
    assert.ok(runtime.some(({ keyword, rest }) => keyword === 'USER' && rest !== 'root' && rest !== '0'));
    const entry: unknown = JSON.parse(restsOf('ENTRYPOINT').at(-1) ?? '');
    const program = list(entry).map(String).at(-1) ?? '';
    assert.match(program, /^\/slotcast\//);
    assert.ok(existsSync(pathOf(program.slice('/slotcast/'.length))), program);
  });
});
