import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HAND_OFF_LEASE_MS } from '@slotcast/domain';
import { HandOffLease } from '@slotcast/hand-off';

class Proofs {
  count = 0;
  steps = 0;
  nowMs = 0;
  refusal: Error | undefined;
  /** How long each proof takes to come back. */
  tookMs: number[] = [];
  /** Whether the server says that nobody has taken over. */
  holds = true;
  asked = 0;
  readonly lease: HandOffLease;

  constructor(untilMs?: number) {
    const clock = { monotonicMs: () => this.nowMs };
    const holds = (): Promise<boolean> => {
      this.asked += 1;
      return Promise.resolve(this.holds);
    };
    const first = untilMs === undefined ? undefined : { untilMs, holds };
    this.lease = new HandOffLease({ prove: () => this.#prove(), clock, onStep: () => this.#onStep(), first });
  }

  #onStep(): void {
    this.steps += 1;
  }

  async #prove(): Promise<void> {
    this.count += 1;
    await Promise.resolve();
    this.nowMs += this.tookMs.shift() ?? 0;
    if (this.refusal !== undefined) {
      throw this.refusal;
    }
  }
}

describe('one of two processes that hand over', { timeout: 5_000 }, () => {
  test('begins its first steps without a commit, as long as the server says that nobody else has taken over', async () => {
    const proofs = new Proofs(5_000);
    await proofs.lease.assertHeld();
    proofs.nowMs = HAND_OFF_LEASE_MS - 1;
    await proofs.lease.assertHeld();
    assert.equal(proofs.asked, 1);
    proofs.nowMs = 4_999;
    await proofs.lease.assertHeld();
    assert.deepEqual([proofs.asked, proofs.count], [2, 0]);
    proofs.nowMs = 4_999 + HAND_OFF_LEASE_MS;
    await proofs.lease.assertHeld();
    assert.deepEqual([proofs.asked, proofs.count], [2, 1]);
    assert.equal(proofs.steps, 4, 'each is told of, whether it needed a proof or not');
  });

  test('needs a commit for each further step once the server has not said so', async () => {
    const proofs = new Proofs(50_000);
    proofs.holds = false;
    proofs.refusal = new Error('fenced');
    await assert.rejects(proofs.lease.assertHeld(), /fenced/);
    proofs.holds = true;
    await assert.rejects(proofs.lease.assertHeld(), /fenced/);
    assert.deepEqual([proofs.asked, proofs.count], [1, 2]);
  });

  test('shows again after the agreed time that it is the only one, counted from when it asked', async () => {
    const proofs = new Proofs();
    const asked = proofs.lease.assertHeld();
    proofs.nowMs = HAND_OFF_LEASE_MS - 1;
    await asked;
    await proofs.lease.assertHeld();
    assert.equal(proofs.count, 1);
    proofs.nowMs = HAND_OFF_LEASE_MS;
    await proofs.lease.assertHeld();
    assert.equal(proofs.count, 2);
  });

  test('asks once for all steps that begin together', async () => {
    const proofs = new Proofs();
    await Promise.all([proofs.lease.assertHeld(), proofs.lease.assertHeld()]);
    assert.equal(proofs.count, 1);
  });

  test('begins no step by a proof that is too old by the time it is there, as when it was frozen meanwhile', async () => {
    const proofs = new Proofs(0);
    proofs.tookMs = [30_000];
    await proofs.lease.assertHeld();
    assert.equal(proofs.count, 2);
    proofs.nowMs += HAND_OFF_LEASE_MS;
    proofs.tookMs = Array.from({ length: 10 }, () => HAND_OFF_LEASE_MS);
    await assert.rejects(proofs.lease.assertHeld(), /took longer/);
  });

  test('begins no step when another one has taken over', async () => {
    const proofs = new Proofs();
    proofs.refusal = new Error('fenced');
    await assert.rejects(Promise.all([proofs.lease.assertHeld(), proofs.lease.assertHeld()]), /fenced/);
    await assert.rejects(proofs.lease.assertHeld(), /fenced/);
    assert.equal(proofs.count, 2);
  });
});
