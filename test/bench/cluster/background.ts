/** Work that goes on beside a measurement until it is stopped. */
export interface Background {
  /** Resolves when the work has ended. Throws what had ended it before. */
  stop(): Promise<void>;
}

/** Starts work that ends soon after its signal is aborted. An error is kept until it is stopped. */
export function inBackground(work: (signal: AbortSignal) => Promise<void>): Background {
  const stop = new AbortController();
  let failure: Error | undefined;
  const working = work(stop.signal).catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return {
    stop: async () => {
      stop.abort();
      await working;
      if (failure !== undefined) {
        throw failure;
      }
    },
  };
}
