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

/** What works beside a server until it is told to stop. */
export interface NodeService {
  readonly health: HealthSource;
  /** Works until the signal is aborted. Rejects with a SlotcastError that a restart will not fix. */
  run(signal: AbortSignal): Promise<void>;
}
