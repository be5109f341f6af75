import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { Talk } from '@slotcast/demo';

/** A stream that keeps what is written. */
class Paper {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 40;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  /** What a terminal shows in the end: a carriage return takes its line back. */
  get shown(): readonly string[] {
    return this.text
      .split('\n')
      .map((line) => stripVTControlCharacters(line.slice(line.lastIndexOf('\r') + 1)));
  }
}

const LONG = 'x'.repeat(100);

describe('the talk', { timeout: 10_000 }, () => {
  test('off a terminal has only plain lines with the time', async () => {
    const paper = new Paper(false);
    const talk = new Talk(paper, { TERM: 'xterm' });
    await talk.step({ doing: 'counting', work: async () => 3, done: (count) => `${count} counted` });
    const lines = paper.text.trimEnd().split('\n');
    assert.equal(lines.length, 2);
    for (const line of lines) {
      assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} {4}[ -~…]+$/);
    }
  });

  test('on a terminal replaces what is being done by what is done', async () => {
    const paper = new Paper(true);
    const talk = new Talk(paper, { TERM: 'xterm' });
    await talk.step({ doing: LONG, work: async () => 3, done: (count) => `${count} counted` });
    assert.deepEqual(paper.shown, ['  ✔ 3 counted', '']);
  });

  test('never lets the line that it rewrites be wider than the terminal', async () => {
    const paper = new Paper(true);
    const talk = new Talk(paper, {});
    await talk.step({ doing: LONG, detail: () => LONG, work: async () => 3, done: () => '' });
    const drawn = stripVTControlCharacters(paper.text).split(/[\r\n]/);
    assert.ok(drawn.some((line) => line.includes('xxx')));
    assert.ok(drawn.every((line) => line.length < paper.columns));
  });

  test('says on which step it failed, and goes on failing', async () => {
    const paper = new Paper(true);
    const talk = new Talk(paper, {});
    const failure = new Error('no');
    const step = talk.step({ doing: 'counting', work: () => Promise.reject(failure), done: () => '' });
    await assert.rejects(step, failure);
    assert.deepEqual(paper.shown, ['  ✘ counting', '']);
  });

  test('has no colours where NO_COLOR is set', () => {
    const paper = new Paper(true);
    new Talk(paper, { NO_COLOR: '1' }).say('said');
    assert.equal(paper.text, '  ✔ said\n');
  });
});
