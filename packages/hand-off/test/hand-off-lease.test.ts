import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HAND_OFF_LEASE_MS } from '@slotcast/domain';
import { HandOffLease } from '@slotcast/hand-off';

class Proofs {
  count = 0;
  nowMs = 0;
  refusal: Error | undefined;
  readonly lease: HandOffLease;

  constructor(heldUntilMs: number) {
    const clock = { monotonicMs: () => this.nowMs };
    this.lease = new HandOffLease({ prove: () => this.#prove(), clock, heldUntilMs });
  }

  async #prove(): Promise<void> {
    this.count += 1;
    await Promise.resolve();
    if (this.refusal !== undefined) {
      throw this.refusal;
    }
  }
}

describe('one of two processes that hand over', { timeout: 5_000 }, () => {
  test('begins steps unasked as long as nobody else can have taken over', async () => {
    const proofs = new Proofs(5_000);
    await proofs.lease.assertHeld();
    proofs.nowMs = 4_999;
    await proofs.lease.assertHeld();
    assert.equal(proofs.count, 0);
    proofs.nowMs = 5_000;
    await proofs.lease.assertHeld();
    assert.equal(proofs.count, 1);
  });

  test('shows again after the agreed time that it is the only one, counted from when it asked', async () => {
    const proofs = new Proofs(0);
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
    const proofs = new Proofs(0);
    await Promise.all([proofs.lease.assertHeld(), proofs.lease.assertHeld()]);
    assert.equal(proofs.count, 1);
  });

  test('begins no step when another one has taken over', async () => {
    const proofs = new Proofs(0);
    proofs.refusal = new Error('fenced');
    await assert.rejects(Promise.all([proofs.lease.assertHeld(), proofs.lease.assertHeld()]), /fenced/);
    await assert.rejects(proofs.lease.assertHeld(), /fenced/);
    assert.equal(proofs.count, 2);
  });
});
