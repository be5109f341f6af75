import { classifyPostgresError } from '../connection/postgres-error.ts';
import type { SlotMoveOutcome } from './slot-moves.ts';

/**
 * True when an advance may work where a move did not: the server did nothing, or refused it for the sake of the plugin, which is not there, or got options
 * that it does not know, or lacked some. An advance does not load the plugin.
 */
export function takesDecoding(outcome: SlotMoveOutcome): boolean {
  switch (outcome.kind) {
    case 'moved':
      return false;
    case 'stayed':
      return outcome.position !== undefined;
    case 'refused': {
      const { class: kind } = classifyPostgresError(outcome.error);
      return kind === 'unexpected' || kind === 'blocked';
    }
  }
}
