import { randomBytes } from 'node:crypto';
import {
  DEFAULT_PROOF_BYTES,
  type Hold,
  isInvalidated,
  isLogical,
  isOwnWorkingSlot,
  isUsableFromBehind,
  type LocalLogicalSlot,
  type Lsn,
  laterLsn,
  type Manifest,
  type NodesRecord,
  ownedLogical,
  type PlanPolicy,
  PROOF_ANSWER_MS,
  type ProofOutcome,
  type ProofRecord,
  proofPlugin,
  type Reason,
  reason,
  reasonText,
  refutedBefore,
  refutingReasons,
  type SlotName,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { type Clock, Deadline, errorFields, type Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import type { PostgresOptions } from '@slotcast/postgres';
import type { NodeDirectory } from '@slotcast/topics';
import { labelsOf } from '../slot-labels.ts';
import type { StandbyView } from '../standby-server.ts';
import { ProofRecords } from './proof-records.ts';
import { type HeardAnswer, proveSlot } from './prove-slot.ts';

export interface SlotProofsOptions {
  readonly postgres: PostgresOptions;
  readonly directory: NodeDirectory;
  readonly policy: Pick<PlanPolicy, 'allowedPlugins'>;
  /** All copies are proven again after so long each; absent: only when somebody asks. */
  readonly verifyIntervalMs: number | undefined;
  /** Has the session's loop go round. */
  readonly ring: () => void;
  readonly metrics: ConsumerMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** How often the metrics are brought up to date. */
const SHOW_MS = 5000;

/** What a round of the loop found. */
export interface ProofFacts {
  readonly view: Pick<StandbyView, 'slots'>;
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  /** The newest list of the slots that the publisher has, and answers for. */
  readonly manifest: Pick<Manifest, 'slots'> | undefined;
  /** Why nothing of the topics may be believed now. */
  readonly alarm: Reason | undefined;
}

/** Proves copies of this standby, one at a time, beside the session's loop and on sessions of its own. It moves no slot. */
export class SlotProofs {
  readonly #options: SlotProofsOptions;
  readonly #records: ProofRecords;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #facts: ProofFacts | undefined;
  /** Whose answer is waited for. */
  #waiting: { readonly id: bigint; readonly resolve: (answer: HeardAnswer) => void } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #repeating: Promise<void>;
  readonly #shown = new Set<SlotName>();
  #shownAtMs = Number.NEGATIVE_INFINITY;
  /** Copies that were seen to be wrong, and are still there as far as is known. */
  #known: Map<SlotName, readonly Reason[]> | undefined;

  constructor(options: SlotProofsOptions) {
    this.#options = options;
    this.#records = new ProofRecords(options);
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    const { verifyIntervalMs } = options;
    this.#repeating = verifyIntervalMs === undefined ? Promise.resolve() : this.#repeat(verifyIntervalMs);
  }

  /** With those that a process before has found; they are read once this one alone writes as the node. */
  get #refuted(): Map<SlotName, readonly Reason[]> {
    this.#known ??= new Map(refutedBefore(this.#options.directory.written));
    return this.#known;
  }

  /** Takes what a round found. */
  looked(facts: ProofFacts): void {
    this.#facts = facts;
    if (this.#refuted.size > 0) {
      const here = new Set(facts.view.slots.flatMap(({ name, temporary }) => (temporary ? [] : [name])));
      [...this.#refuted.keys()]
        .filter((slot) => !here.has(slot) || this.#options.directory.ownership.get(slot)?.remaking === true)
        .forEach((slot) => this.#refuted.delete(slot));
    }
    this.#show();
  }

  /** Takes the answer that is waited for out of new records of the nodes topic. */
  hear(records: readonly NodesRecord[]): void {
    for (const record of records) {
      if (record.kind === 'node_slot' && record.role === 'primary' && record.proof?.kind === 'answer') {
        const { proof } = record;
        if (proof.id === this.#waiting?.id) {
          this.#waiting.resolve({ proof, status: record });
        }
      }
    }
  }

  /** To be called in every round of the loop: commits what is to be said. */
  record(writer: LogWriter): Promise<void> {
    return this.#records.write(writer);
  }

  /** Adds what the next plan has to know: a copy that was refuted is not ready until it is another one, or is proven. */
  hold(held: Map<SlotName, Hold>): void {
    for (const [slot, found] of this.#refuted) {
      const before = held.get(slot);
      if (before?.cause !== 'missing_wal') {
        const pausing = before !== undefined && (before.pausing || before.cause === 'upkeep');
        held.set(slot, { reasons: found, pausing, cause: 'refuted' });
      }
    }
  }

  /** Copies that can be proven, by name: slotcast's own, of slots that there are on the primary. One that is kept of an orphaned slot has nothing to be compared with. */
  get candidates(): readonly SlotName[] {
    const owned = ownedLogical(this.#options.directory.ownership).filter((slot) => !isOwnWorkingSlot(slot));
    const names = this.#facts?.manifest?.slots.map(({ name }) => name);
    const published = names === undefined ? undefined : new Set(names);
    return owned.filter((slot) => published?.has(slot) ?? true).toSorted();
  }

  /** Proves one copy, after those that were asked for before. Rejects with the signal's reason. */
  prove(
    order: { readonly slot: SlotName; readonly bytes: bigint },
    signal: AbortSignal,
  ): Promise<ProofOutcome> {
    const either = AbortSignal.any([signal, this.#signal]);
    const turn = this.#turn.then(() => this.#prove(order, either));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Ends what is under way, and waits until it has. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('no more slots are proven'));
    await Promise.all([this.#turn, this.#repeating]);
    this.#shown.forEach((slot) => this.#options.metrics.slotProofTimestampSeconds.remove(labelsOf(slot)));
  }

  /** Proves all copies that could take over, again and again. */
  async #repeat(intervalMs: number): Promise<void> {
    const { clock, directory, logger } = this.#options;
    while (!this.#signal.aborted) {
      try {
        await clock.sleep(intervalMs, this.#signal);
        for (const slot of this.candidates) {
          const state = directory.written.get(slot)?.state;
          if (state === 'ready' || (state !== undefined && isUsableFromBehind(state))) {
            await this.prove({ slot, bytes: BigInt(DEFAULT_PROOF_BYTES) }, this.#signal);
          }
        }
      } catch (error) {
        if (!this.#signal.aborted) {
          logger.error(errorFields(error, logger), 'copies could not be proven; it is tried again');
        }
      }
    }
  }

  /** Shows in the metrics which proofs are on record. */
  #show(): void {
    const { metrics, directory, clock } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#shownAtMs < SHOW_MS) {
      return;
    }
    this.#shownAtMs = now;
    const gone = new Set(this.#shown);
    for (const [slot, { proof }] of directory.written) {
      if (proof?.kind === 'proven') {
        metrics.slotProofTimestampSeconds.set(labelsOf(slot), proof.time / 1000);
        this.#shown.add(slot);
        gone.delete(slot);
      }
    }
    for (const slot of gone) {
      metrics.slotProofTimestampSeconds.remove(labelsOf(slot));
      this.#shown.delete(slot);
    }
  }

  async #prove(
    { slot, bytes }: { readonly slot: SlotName; readonly bytes: bigint },
    signal: AbortSignal,
  ): Promise<ProofOutcome> {
    signal.throwIfAborted();
    const former = this.#options.directory.written.get(slot)?.proof;
    const outcome = await this.#find({ slot, bytes }, signal);
    this.#judge(outcome);
    this.#tell(outcome);
    const proof = proofAfter(outcome, former);
    if (proof !== this.#options.directory.written.get(slot)?.proof) {
      await this.#records.ask(slot, proof, signal);
    }
    return outcome;
  }

  async #find(
    { slot, bytes }: { readonly slot: SlotName; readonly bytes: bigint },
    signal: AbortSignal,
  ): Promise<ProofOutcome> {
    const { postgres, clock, policy } = this.#options;
    const facts = this.#facts;
    const unknown = (why: Reason): ProofOutcome => ({ slot, result: 'unknown', reasons: [why] });
    if (facts?.alarm !== undefined) {
      return unknown(facts.alarm);
    }
    if (!policy.allowedPlugins.includes(proofPlugin)) {
      return unknown(reason('proof_no_plugin', { plugin: proofPlugin }));
    }
    const local = facts?.view.slots.find((each) => each.name === slot && !each.temporary);
    if (!isLogical(local) || !this.#options.directory.ownership.has(slot)) {
      return unknown(reason('proof_no_copy'));
    }
    if (isInvalidated(local)) {
      const cause = local.invalidationReason ?? 'wal_removed';
      return { slot, result: 'wrong', reasons: [reason('invalidated_here', { cause })] };
    }
    if (facts?.manifest?.slots.every(({ name }) => name !== slot) === true) {
      // The publisher would not answer, and all that are asked for after it would wait.
      return unknown(reason('not_on_primary'));
    }
    const furthest = this.#furthest(local);
    const ask = (stretch: { readonly fromLsn: Lsn; readonly toLsn: Lsn }) => this.#ask(slot, stretch, signal);
    return await proveSlot({ local, furthest, bytes, postgres, ask, clock, signal });
  }

  #furthest({ name }: LocalLogicalSlot): Lsn | undefined {
    const recorded = this.#options.directory.ownership.get(name)?.highestLsn;
    return laterLsn(this.#facts?.furthest.get(name), recorded);
  }

  /** The publisher's answer; `undefined` when none came in time. */
  async #ask(
    slot: SlotName,
    stretch: { readonly fromLsn: Lsn; readonly toLsn: Lsn },
    signal: AbortSignal,
  ): Promise<HeardAnswer | undefined> {
    const id = randomBytes(8).readBigUInt64BE();
    const answered = new Promise<HeardAnswer>((resolve) => {
      this.#waiting = { id, resolve };
    });
    using deadline = new Deadline(signal, PROOF_ANSWER_MS);
    try {
      const question = { kind: 'question', id, time: this.#options.clock.now(), ...stretch } as const;
      const isWritten = await this.#records.ask(slot, question, deadline.signal);
      return isWritten ? await deadline.race(answered) : undefined;
    } catch (error) {
      if (deadline.expired) {
        return undefined;
      }
      throw error;
    } finally {
      this.#waiting = undefined;
    }
  }

  /** What the plan sees by itself is left to it. */
  #judge({ slot, result, reasons }: ProofOutcome): void {
    const found = refutingReasons(reasons);
    if (result === 'wrong' && found.length > 0) {
      this.#refuted.set(slot, [reason('refuted'), ...found]);
      this.#options.ring();
    } else if (result === 'proven') {
      this.#refuted.delete(slot);
    }
  }

  #tell({ slot, result, reasons }: ProofOutcome): void {
    const { metrics, logger } = this.#options;
    metrics.proofsTotal.inc({ result });
    const fields = { slot, result, reason: reasonText(reasons) };
    if (result === 'wrong') {
      logger.error(fields, 'a copy does not deliver what its slot on the primary does');
    } else {
      logger.debug(fields, 'a copy was compared with its slot on the primary');
    }
  }
}

/** What stays on record: a proof is taken back only by what shows that it does not hold any more. */
function proofAfter(
  { result, compared }: ProofOutcome,
  former: ProofRecord | undefined,
): ProofRecord | undefined {
  if (compared !== undefined) {
    return { kind: 'proven', ...compared };
  }
  return result === 'wrong' || former?.kind !== 'proven' ? undefined : former;
}
