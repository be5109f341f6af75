import { type Plan, type Reason, type SettledBacklog } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { StandbyView } from '../standby-server.ts';
import type { RunOutcome } from '../steps/action-runner.ts';

/** One round of the session's loop, as a request sees it after its actions. */
export interface SessionRound {
  readonly view: StandbyView;
  readonly settled: SettledBacklog;
  /** Why nothing may be done to the slots now. */
  readonly alarm: Reason | undefined;
  readonly plan: Plan;
  readonly outcome: RunOutcome;
  readonly writer: LogWriter;
}

/** Something that is asked of the session from outside. */
export interface SessionRequest {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Called after each round until it resolves with true. */
  answer(round: SessionRound): Promise<boolean>;
  /** Called when the session ends before it could answer. */
  fail(error: unknown): void;
}
