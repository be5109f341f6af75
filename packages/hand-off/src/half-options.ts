import type { DivergencePolicy, NodeIdentity, PlanPolicy } from '@slotcast/domain';
import type { Runtime } from '@slotcast/kernel';
import type { PostgresOptions } from '@slotcast/postgres';
import type { TopicsAccess } from '@slotcast/topics';
import type { StateFile } from './node-memory.ts';

/** What both halves of a node, publisher and consumer, are made of. Each adds what is its own. */
export interface HalfOptions extends NodeIdentity, TopicsAccess, Runtime {
  readonly policy: PlanPolicy;
  readonly onDivergence: DivergencePolicy;
  readonly postgres: PostgresOptions;
  /** Where what is known is kept across restarts; absent where it is not. */
  readonly stateFile?: StateFile | undefined;
  /** How often a server is looked at on which this half has nothing to do. The publisher waits no longer between two looks at its slots, either. */
  readonly pollMaxMs: number;
  /** Rejects with a SlotcastError when a topic is missing or has settings that lose data. */
  readonly verifyTopics: () => Promise<void>;
  /** Gives errors of Kafka and PostgreSQL their slotcast code. */
  readonly explainError: (error: unknown) => unknown;
}
