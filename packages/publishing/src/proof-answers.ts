import {
  askedBytes,
  databaseOf,
  isLogical,
  type Lsn,
  laterLsn,
  lsn,
  maxLsn,
  type NodeSlotStatus,
  type NodesRecord,
  type PlanPolicy,
  PROOF_ANSWER_MS,
  PROOF_SPANS,
  type ProofQuestion,
  type PublishedSlot,
  proofPlugin,
  type Reason,
  reason,
  type SlotName,
  type SpanDigest,
  sameIncarnation,
  stretchTo,
} from '@slotcast/domain';
import { type Clock, Doorbell, errorFields, type Logger } from '@slotcast/kernel';
import {
  describePostgresError,
  digestCopy,
  type PostgresConnection,
  type PostgresOptions,
  type ProofCopy,
  readFlushLsn,
  withProofCopy,
} from '@slotcast/postgres';
import type { Tenure } from './tenure.ts';

/** After so long each the WAL is read again, for a transaction to compare. */
const LOOKS_MS = [500, 1500, 3000] as const;

/** A question with the claim of whoever asks. */
interface Asked {
  readonly question: ProofQuestion;
  readonly from: NodeSlotStatus;
  readonly heardAtMs: number;
}

/** What is found out for a question. */
interface Found {
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
  readonly spans: readonly SpanDigest[];
  /** Where the slot on the primary stands; absent where it was not looked at. */
  readonly confirmedFlushLsn?: Lsn;
  /** Why it could not be looked at. */
  readonly refusal?: readonly Reason[];
}

/** An answer that is to be written. */
export interface DueAnswer {
  readonly slot: SlotName;
  readonly record: Pick<NodeSlotStatus, 'proof' | 'reasons' | 'confirmedFlushLsn'>;
}

/**
 * Answers what consumers ask of the slots on the primary: what each delivers, as digests. One question at a time, and a rest as long as the work after each, so that all
 * who ask take half of a core at most. A slot is read through a temporary copy, and never moved.
 */
export class ProofAnswers {
  readonly #tenure: Tenure;
  readonly #postgres: PostgresOptions;
  readonly #policy: Pick<PlanPolicy, 'allowedPlugins'>;
  readonly #onDue: () => void;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bell = new Doorbell();
  /** By node and slot: whoever asks again does not wait for the first answer any more. */
  readonly #asked = new Map<string, Asked>();
  #due: DueAnswer[] = [];

  constructor(options: {
    tenure: Tenure;
    postgres: PostgresOptions;
    policy: Pick<PlanPolicy, 'allowedPlugins'>;
    /** Called when there is an answer to write. */
    onDue: () => void;
    clock: Clock;
    logger: Logger;
  }) {
    this.#tenure = options.tenure;
    this.#postgres = options.postgres;
    this.#policy = options.policy;
    this.#onDue = options.onDue;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Takes note of questions among records that have just been written. */
  hear(records: readonly NodesRecord[]): void {
    for (const from of records) {
      if (from.kind === 'node_slot' && from.role === 'standby' && from.proof?.kind === 'question') {
        const heardAtMs = this.#clock.monotonicMs();
        this.#asked.set(`${from.node}/${from.slot}`, { question: from.proof, from, heardAtMs });
        this.#bell.ring();
      }
    }
  }

  /** The answers that were found since the last time. */
  take(): readonly DueAnswer[] {
    const due = this.#due;
    this.#due = [];
    return due;
  }

  /** Works until the signal is aborted, and then rejects with its reason. What fails is an answer, too. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      const restMs = await this.#answerNext(signal);
      await (restMs === undefined
        ? this.#bell.wait(PROOF_ANSWER_MS, signal)
        : this.#clock.sleep(restMs, signal));
    }
  }

  /** How long to rest now; `undefined` when nobody asks. */
  async #answerNext(signal: AbortSignal): Promise<number | undefined> {
    const [next] = this.#asked;
    if (next === undefined) {
      return undefined;
    }
    const [key, asked] = next;
    this.#asked.delete(key);
    const started = this.#clock.monotonicMs();
    const { question, from } = asked;
    const published = this.#tenure.published.get(from.slot);
    // Of a slot that is not published, what is on record of it here is not to be touched.
    if (published === undefined || started - asked.heardAtMs > PROOF_ANSWER_MS) {
      return 0;
    }
    const {
      spans,
      fromLsn,
      toLsn,
      confirmedFlushLsn,
      refusal = [],
    } = await this.#find(asked, published, signal);
    const proof = {
      kind: 'answer',
      id: question.id,
      time: this.#clock.now(),
      fromLsn,
      toLsn,
      spans,
    } as const;
    this.#due.push({ slot: from.slot, record: { proof, reasons: refusal, confirmedFlushLsn } });
    this.#onDue();
    return this.#clock.monotonicMs() - started;
  }

  async #find(asked: Asked, published: PublishedSlot, signal: AbortSignal): Promise<Found> {
    const { question, from } = asked;
    const refusal = this.#refusal(asked, published);
    if (!isLogical(published.state) || refusal !== undefined) {
      return refused(question, refusal ?? reason('other_identity'));
    }
    const place = { postgres: this.#postgres, database: databaseOf(published.state), source: from.slot };
    try {
      return await withProofCopy({ ...place, onStandbyOnly: false, signal }, (connection, copy) =>
        this.#read(connection, copy, { question, signal }),
      );
    } catch (error) {
      signal.throwIfAborted();
      const { node, slot } = from;
      const fields = { node, slot, ...errorFields(error, this.#logger) };
      this.#logger.warn(fields, 'a slot could not be read for its proof');
      const said = describePostgresError(error);
      return refused(question, reason('proof_interrupted', { said }));
    }
  }

  #refusal({ from }: Asked, published: PublishedSlot): Reason | undefined {
    const { ownership } = from;
    const isSame =
      ownership?.lineage === this.#tenure.facts.lineage &&
      sameIncarnation(ownership.incarnation, published.incarnation);
    if (!isSame) {
      return reason('other_incarnation');
    }
    return this.#policy.allowedPlugins.includes(proofPlugin)
      ? undefined
      : reason('proof_no_plugin', { plugin: proofPlugin });
  }

  /** Reads on until there is a transaction to compare, the stretch is full, or the time is over. */
  async #read(
    connection: PostgresConnection,
    { name, restartLsn, confirmedFlushLsn }: ProofCopy,
    { question, signal }: { question: ProofQuestion; signal: AbortSignal },
  ): Promise<Found> {
    const afterLsn = maxLsn(confirmedFlushLsn, question.fromLsn);
    const bytes = askedBytes(question);
    let read: Lsn | undefined;
    for (const pauseMs of LOOKS_MS) {
      await this.#clock.sleep(pauseMs, signal);
      const endLsn = await readFlushLsn(connection, signal);
      const stretch = stretchTo({ restartLsn, fromLsn: afterLsn, endLsn, bytes });
      if ('tooLong' in stretch) {
        return { ...refused(question, stretch.tooLong), confirmedFlushLsn };
      }
      const { toLsn } = stretch;
      if (toLsn > (laterLsn(read, afterLsn) ?? afterLsn)) {
        read = toLsn;
        const wanted = { copy: name, afterLsn, toLsn, spans: PROOF_SPANS };
        const { fromLsn, spans } = await digestCopy(connection, wanted, signal);
        if (fromLsn !== undefined) {
          return { fromLsn, toLsn, spans, confirmedFlushLsn };
        }
      }
      if (toLsn < endLsn) {
        break;
      }
    }
    return { fromLsn: afterLsn, toLsn: read ?? afterLsn, spans: [], confirmedFlushLsn };
  }
}

function refused({ fromLsn, toLsn }: ProofQuestion, why: Reason): Found {
  return { fromLsn: lsn(fromLsn), toLsn, spans: [], refusal: [reason('proof_refused'), why] };
}
