import type { BenchOptions } from './bench-options.ts';
import { cellsOf } from './parts/cells.ts';
import { restSeconds } from './parts/memory.ts';
import type { Part } from './parts/parts.ts';

/** What a part may take besides its windows: the start, waiting for slots to be ready, and the last arrivals. */
const ALLOWANCE_SECONDS = 480;
/** PostgreSQL's own slot sync naps up to 30 s. */
const SILENCE_ALLOWANCE_SECONDS = 100;
const CELL_ALLOWANCE_SECONDS = 300;
const READY_ALLOWANCE_SECONDS = 600;
const AWAY_ALLOWANCE_SECONDS = 240;
const PROMOTION_ALLOWANCE_SECONDS = 300;
const PROMOTION_KINDS = 4;
const RECORDS_PER_SECOND = 1000;

/** The most that a part may take in seconds before the whole run is given up. */
export function limitSeconds(part: Part, options: BenchOptions): number {
  return ALLOWANCE_SECONDS + windowSeconds(part, options);
}

function windowSeconds(part: Part, options: BenchOptions): number {
  const { seconds } = options;
  switch (part) {
    case 'matrix':
      return cellsOf(options).length * (seconds + CELL_ALLOWANCE_SECONDS);
    case 'floor':
      return seconds;
    case 'silence':
      return options.quietRounds * (options.quietSeconds + SILENCE_ALLOWANCE_SECONDS);
    case 'ready':
      return options.readyRounds * READY_ALLOWANCE_SECONDS;
    case 'catchup':
      return 2 * (options.awaySeconds + AWAY_ALLOWANCE_SECONDS);
    case 'restart':
      return (options.restartMinutes + 1) * 60;
    case 'growth':
      return options.growthSlots.length * (seconds + CELL_ALLOWANCE_SECONDS);
    case 'memory':
      return 2 * restSeconds(seconds);
    case 'replay':
      return options.records / RECORDS_PER_SECOND;
    case 'promotion':
      return PROMOTION_KINDS * options.promotionRounds * PROMOTION_ALLOWANCE_SECONDS;
  }
}
