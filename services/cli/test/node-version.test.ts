import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

const timeout = 20_000;

const binary = fileURLToPath(new URL('../bin/slotcast.js', import.meta.url));

/** Runs the binary as a Node.js of this version would, as far as the binary can tell. */
function runOn(version: string) {
  const pretend = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } })`;
  const preload = `data:text/javascript,${encodeURIComponent(pretend)}`;
  return spawnSync(process.execPath, ['--import', preload, binary, '--version'], { encoding: 'utf8' });
}

test('a Node.js that is too old gets one line and exit code 78', { timeout }, () => {
  for (const version of ['20.18.3', '18.20.8', '8.17.0']) {
    const { status, stdout, stderr } = runOn(version);
    assert.equal(stderr, `slotcast: Node.js ${version} is too old; install Node.js 20.19 or newer\n`);
    assert.equal(stdout, '');
    assert.equal(status, 78);
  }
});

test('the version that is asked for is the one that the package declares, and it goes on', {
  timeout,
}, () => {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.ok(typeof manifest === 'object' && manifest !== null && 'engines' in manifest);
  assert.deepEqual(manifest.engines, { node: '>=20.19' });
  for (const version of ['20.19.0', '22.0.0', '100.1.0']) {
    assert.doesNotMatch(runOn(version).stderr, /too old/);
  }
});

test('the binary needs nothing that an old Node.js cannot read', { timeout }, () => {
  const [shebang = '', ...lines] = readFileSync(binary, 'utf8').split('\n');
  assert.match(shebang, /^#!/);
  const source = lines.join('\n');
  // Imports and awaits at the top are errors in a script, as which a Node.js before 12 reads it.
  assert.doesNotThrow(() => new Script(source));
  assert.doesNotMatch(source, /\b(const|let|class|async)\b|=>|`|\?[.?]|\*\*|require/);
});
