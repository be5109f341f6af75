import { type Clock, pause } from '@slotcast/kernel';
import type { EventLog } from './event-log.ts';
import { LogUnavailableError, TopicRecreatedError } from './log-error.ts';

/**
 * Asks again and again where a topic ends. Rejects with a TopicRecreatedError when that goes back; resolves when the signal is aborted. A
 * question that is not answered tells nothing about the topic, and is only reported.
 */
export async function watchTopic(options: {
  readonly log: EventLog;
  readonly topic: string;
  readonly intervalMs: number;
  readonly onFailure: (error: LogUnavailableError) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { log, topic, intervalMs, onFailure, clock, signal } = options;
  for (let lastEnd = 0n; !signal.aborted; ) {
    try {
      const end = await log.endOffset(topic);
      if (end < lastEnd) {
        throw new TopicRecreatedError(
          `the topic ${topic} ended at offset ${lastEnd} and now ends at ${end}: it was deleted, recreated or truncated`,
        );
      }
      lastEnd = end;
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) {
        throw error;
      }
      onFailure(error);
    }
    await pause(clock, intervalMs, signal);
  }
}
