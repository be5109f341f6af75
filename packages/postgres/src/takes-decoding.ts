import { classifyPostgresError } from './postgres-error.ts';
import type { SlotMoveOutcome } from './slot-moves.ts';

/** feature_not_supported: also what plugins say of options that they lack. */
const NOT_SUPPORTED = '0A000';

/**
 * True when an advance may work where a move did not: the server did nothing, or refused it with an error that only the plugin can have raised, as
 * it got options that it does not know or lacked some. An advance gives it none, and no client.
 */
export function takesDecoding(outcome: SlotMoveOutcome): boolean {
  switch (outcome.kind) {
    case 'moved':
      return false;
    case 'stayed':
      return outcome.position !== undefined;
    case 'refused': {
      const { class: kind, code } = classifyPostgresError(outcome.error);
      return kind === 'unexpected' || code === NOT_SUPPORTED;
    }
  }
}
