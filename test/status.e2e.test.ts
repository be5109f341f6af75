import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { type CommandResult, runCommand } from './support/command.ts';
import { Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 480_000;

/** A publisher that is silent for longer makes slots lag. */
const LAG = { SLOTCAST_LAG_MAX_SECONDS: '10' };

/** What these tests look at in the answer. */
interface ShownStatus {
  readonly satisfied: boolean;
  readonly publisher: { readonly node: string; readonly silent: boolean };
  readonly nodes: readonly { readonly node: string; readonly role: string; readonly stale: boolean }[];
  readonly slots: readonly {
    readonly slot: string;
    readonly copies: readonly {
      readonly node: string;
      readonly state: string | null;
      readonly ready: boolean;
    }[];
  }[];
  readonly candidates: readonly { readonly node: string; readonly lost: readonly object[] }[];
}

function isShownStatus(value: unknown): value is ShownStatus {
  return typeof value === 'object' && value !== null && 'satisfied' in value && 'candidates' in value;
}

function shown(text: string): ShownStatus {
  const value: unknown = JSON.parse(text);
  assert.ok(isShownStatus(value), text);
  return value;
}

/** Asks `slotcast status` of this cluster, with nothing that leads to a server. */
function status(scene: Scene, ...args: readonly string[]): Promise<CommandResult> {
  return runCommand(['status', ...args], {
    ...LAG,
    SLOTCAST_CLUSTER: scene.cluster,
    KAFKA_BOOTSTRAP_SERVERS: scene.bootstrapServers,
  });
}

async function ask(scene: Scene, ...args: readonly string[]): Promise<ShownStatus> {
  const { code, stdout, stderr } = await status(scene, '--output', 'json', ...args);
  assert.ok(code === 0 || code === 3, stderr);
  const answer = shown(stdout);
  assert.equal(answer.satisfied, code === 0);
  return answer;
}

function readyOn(answer: ShownStatus, slot: string): string[] {
  const copies = answer.slots.find((each) => each.slot === slot)?.copies ?? [];
  return copies.filter(({ ready }) => ready).map(({ node }) => node);
}

test('status tells from the topics alone who could take over, while servers and services die one after the other', {
  timeout,
}, async (t) => {
  await using scene = await Scene.start({ major: 18, standbys: ['s1', 's2'] });
  const publisher = await (await scene.service('publisher', scene.primary)).ready();
  const consumers = new Map<string, ServiceProcess>();
  for (const name of ['s1', 's2']) {
    consumers.set(name, await (await scene.service('consumer', scene.standby(name), LAG)).ready());
  }
  for (const slot of ['audit', 'orders']) {
    await scene.createSlot(slot);
    await scene.untilReady(slot, { node: 's1' });
    await scene.untilReady(slot, { node: 's2' });
  }

  await t.test('all is well: every slot is ready on every standby', async () => {
    const answer = await ask(scene, '--require', 'all');
    assert.equal(answer.satisfied, true);
    assert.deepEqual(readyOn(answer, 'audit'), ['s1', 's2']);
    assert.deepEqual(readyOn(answer, 'orders'), ['s1', 's2']);
    assert.deepEqual(
      answer.nodes.map(({ node, role }) => [node, role]),
      [
        [scene.primary.name, 'primary'],
        ['s1', 'standby'],
        ['s2', 'standby'],
      ],
    );
    const { code, stdout } = await status(scene);
    assert.equal(code, 0);
    assert.equal(stdout.split('\n')[0], 'Every wanted slot can be taken over by at least one standby.');
  });

  await t.test('a slot without a subscriber is ready nowhere, and the answer is no', async () => {
    await scene.createSlot('idle');
    await scene.records.waitForState('s1', 'idle', 'catching_up', { reason: /waits for the subscriber/ });
    await scene.records.waitForState('s2', 'idle', 'catching_up', { reason: /waits for the subscriber/ });
    const { code, stdout } = await status(scene);
    assert.equal(code, 3);
    assert.match(stdout, /^1 of 3 wanted slots is not ready on any standby: idle\.\n/);
    assert.match(stdout, /s1: idle is catching_up: waits for the subscriber of slot idle/);
    assert.equal((await status(scene, '--slot', 'orders')).code, 0);
    assert.equal((await status(scene, '--slot', 'idle')).code, 3);
    await scene.primary.query("select pg_drop_replication_slot('idle')");
    await scene.records.waitForState('s1', 'idle', undefined);
  });

  await t.test('what does not exist is named, with what does', async () => {
    const cases = [
      [['--node', 's9'], /--node s9: there is no such node; known nodes: .*s1, s2/],
      [['--slot', 'nope'], /--slot nope: the primary has no such slot; known wanted slots: audit, orders/],
      [['--require', '3'], /--require 3: there are not so many standbys; known standbys: s1, s2/],
      [['--require', '2', '--node', 's1'], /--require 2 with --node s1: .*; known standbys: s1/],
      [['--require', '0'], /Expected `all` or a number of standbys/],
      [['--require', 'some'], /Expected `all` or a number of standbys/],
    ] as const;
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await status(scene, ...args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });

  await t.test(
    'a standby whose consumer died is stale half a minute later, and counts for nothing',
    async () => {
      await consumers.get('s2')?.kill();
      await waitUntil(
        async () => (await ask(scene)).nodes.some(({ node, stale }) => node === 's2' && stale),
        {
          timeoutMs: 60_000,
          intervalMs: 2000,
          describe: 's2 to become stale',
        },
      );
      const answer = await ask(scene);
      assert.equal(answer.satisfied, true);
      assert.deepEqual(readyOn(answer, 'orders'), ['s1']);
      assert.equal((await status(scene, '--require', 'all')).code, 3);
      assert.equal((await status(scene, '--require', '2')).code, 3);
      assert.equal((await status(scene, '--node', 's1')).code, 0);
      assert.equal((await status(scene, '--node', 's2')).code, 3);
      const { stdout } = await status(scene, '--require', 'all');
      assert.match(
        stdout,
        /^2 of 2 wanted slots have no ready copy on each of 2 standbys: audit, orders\.\n/,
      );
      assert.match(stdout, /was ready/);
      assert.equal(answer.candidates[0]?.node, 's1');
    },
  );

  await t.test(
    '--watch prints a new block every second and ends quietly with 130 when interrupted',
    async () => {
      const environment = {
        SLOTCAST_CLUSTER: scene.cluster,
        KAFKA_BOOTSTRAP_SERVERS: scene.bootstrapServers,
      };
      const { code, stdout, stderr } = await runCommand(
        ['status', '--watch', '--output', 'json'],
        environment,
        (text, child) => {
          if (text.split('\n').length > 3) {
            child.kill('SIGINT');
          }
        },
      );
      assert.equal(code, 130, stderr);
      assert.equal(stderr, '');
      const answers = stdout.trim().split('\n').map(shown);
      assert.ok(answers.length >= 3);
    },
  );

  await t.test(
    'the primary is dead: it is said who could be promoted, and that nothing is certain',
    async () => {
      await publisher.kill();
      await scene.primary.kill();
      await scene.records.waitForState('s1', 'orders', 'unheard', { reason: /publisher has said nothing/ });
      const answer = await ask(scene);
      assert.equal(answer.satisfied, false);
      assert.equal(answer.publisher.silent, true);
      assert.deepEqual(
        answer.candidates.map(({ node, lost }) => [node, lost.length]),
        [
          ['s1', 0],
          ['s2', 0],
        ],
      );
      const { stdout } = await status(scene);
      assert.match(stdout, /has been silent for/);
      assert.match(stdout, /1\. s1: loses no slot; no subscriber is ahead of its WAL/);
    },
  );

  await t.test('every server is dead: the last that was known is still told, as such', async () => {
    await consumers.get('s1')?.kill();
    await Promise.all([scene.standby('s1').kill(), scene.standby('s2').kill()]);
    await waitUntil(async () => (await ask(scene)).nodes.every(({ stale }) => stale), {
      timeoutMs: 60_000,
      intervalMs: 2000,
      describe: 'every node to become stale',
    });
    const { code, stdout } = await status(scene);
    assert.equal(code, 3);
    assert.match(stdout, /No standby has written its status for/);
  });

  await t.test('a node that is gone for good is taken out by a tombstone', async () => {
    const writer = await scene.log.claim(`${scene.cluster}.operator`);
    const tombstone = scene.codec.encodeTombstone({ node: 's2', time: Date.now() });
    await writer.append([{ topic: scene.topics.nodes, ...tombstone }]);
    await writer.close();
    const answer = await ask(scene);
    assert.deepEqual(
      answer.nodes.map(({ node }) => node),
      [scene.primary.name, 's1'],
    );
  });
});

test('status says what is missing before there is anything to show', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18, standbys: [] });
  const unwritten = await status(scene);
  assert.equal(unwritten.code, 1);
  assert.match(unwritten.stderr, /has no manifest[\s\S]*\[SC_NO_MANIFEST\]/);
  const missing = await runCommand(['status'], {
    SLOTCAST_CLUSTER: `${scene.cluster}x`,
    KAFKA_BOOTSTRAP_SERVERS: scene.bootstrapServers,
  });
  assert.equal(missing.code, 78);
  assert.match(missing.stderr, /there is no topic[\s\S]*\[SC_TOPIC_MISSING\]/);
  const down = await runCommand(['status'], {
    SLOTCAST_CLUSTER: scene.cluster,
    KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
  });
  assert.equal(down.code, 1);
  assert.match(down.stderr, /\[SC_KAFKA_UNREACHABLE\]/);

  await (await scene.service('publisher', scene.primary)).ready();
  const empty = await status(scene);
  assert.equal(empty.code, 0);
  assert.match(empty.stdout, /^There is nothing to take over/);
  await scene.createSlot('app1');
  await scene.untilPublished('app1', 'create');
  const alone = await status(scene, '--require', 'all');
  assert.equal(alone.code, 3);
  assert.match(alone.stdout, /No standby has written a status/);
});
