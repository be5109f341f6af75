/** One condition of readiness. */
export interface ReadinessCondition {
  readonly name: string;
  readonly ok: boolean;
  /** What is so, or what is missing and what would fix it; one line. */
  readonly detail: string;
}

/** What a service says of itself over HTTP. */
export interface HealthSource {
  /** True as long as its loop turns; false calls for a restart. */
  alive(): boolean;
  checks(): readonly ReadinessCondition[];
}

/** Whether the fence and the hand-off of a primary stand, so that writers may be let in. */
export interface FencedAnswer {
  readonly fenced: boolean;
  /** Why, or why not; one line. */
  readonly reason: string;
}

/** What works beside a server until it is told to stop. */
export interface NodeService {
  readonly health: HealthSource;
  /** By what is known at the moment; false for a standby, and while nobody knows. */
  fenced(): FencedAnswer;
  /** Works until the signal is aborted. Rejects with a SlotcastError that a restart will not fix. */
  run(signal: AbortSignal): Promise<void>;
}
