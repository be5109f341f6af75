import { errorText, type SuperviseOptions, supervise } from '@slotcast/kernel';
import type { Promotion } from './promotion.ts';
import type { ReportRole } from './role-tracker.ts';

export interface RunHalfOptions extends Omit<SuperviseOptions, 'random'> {
  /** Of this process, which may run the other half as well. */
  readonly promotion: Pick<Promotion, 'attend'>;
  readonly report: ReportRole;
}

/**
 * What both halves of a node do: attempts for ever, beside the watch over the server, and tells how that ended. Resolves when the signal is aborted; rejects with
 * what no further attempt will fix.
 */
export async function runHalf({ promotion, report, ...options }: RunHalfOptions): Promise<void> {
  const stop = new AbortController();
  const watching = promotion.attend(report, AbortSignal.any([options.signal, stop.signal]));
  try {
    const onFailure = (message: string): void => {
      report('failed');
      options.onFailure(message);
    };
    await supervise({ ...options, onFailure, random: Math.random });
    report('stop');
  } catch (error) {
    report('refused');
    // The process may go on with the other half, and would show for ever how this one stood.
    options.onFailure(errorText(error));
    throw error;
  } finally {
    stop.abort();
    await watching;
  }
}
