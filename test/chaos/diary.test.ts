import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Diary } from './diary.ts';

const never = (): Promise<never> => new Promise(() => undefined);

test('an act that never ends is given up, and its error says what else is under way', async () => {
  const diary = new Diary();
  await diary.act('kafka frozen', () => Promise.resolve());
  const promotion = diary.act('promotion of s1', never, 60);
  await assert.rejects(
    diary.act('stop of primary', never, 20),
    /^Error: stop of primary did not end within \d\.\d s; under way: promotion of s1, since \d\.\d s; stop of primary, since/,
  );
  await assert.rejects(
    promotion,
    /promotion of s1 did not end within \d\.\d s; under way: promotion of s1, since/,
  );
  assert.match(
    diary.text(),
    /^\d\.\d s: kafka frozen \(\d\.\d s\)\n\d\.\d s: promotion of s1 \(\d\.\d s, failed\)\n\d\.\d s: stop of primary/,
  );
});

test('a history that takes too long says in which act it stood', async () => {
  const diary = new Diary();
  const play = async (): Promise<void> => {
    await diary.act('services ready', () => Promise.resolve());
    await diary.act('hand-off on s1', never, 200);
  };
  await assert.rejects(
    diary.history(play, 20),
    /the history did not end within \d\.\d s; under way: hand-off on s1, since \d\.\d s$/,
  );
  assert.match(diary.text(), /hand-off on s1 \(under way\)$/);
  await assert.rejects(
    diary.act('start of a service', () => Promise.resolve()),
    /given up before: start of a service/,
  );
  await diary.clearUp('end of the servers', () => Promise.resolve());
});

test('what an act gives, or throws, is passed on', async () => {
  const diary = new Diary();
  assert.equal(await diary.act('a question', () => Promise.resolve(7)), 7);
  await assert.rejects(
    diary.act('an error', () => Promise.reject(new Error('broken'))),
    /broken/,
  );
  assert.match(diary.text(), /an error \(\d\.\d s, failed\)$/);
});
