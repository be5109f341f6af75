/** How long an answer may be waited for. Node's own HTTP client gives up after five minutes. */
const MIN_MS = 100;
const MAX_MS = 240_000;

/** In words. */
export const PATIENCE = 'a time from 100ms to 4min';

export function isPatience(ms: number): boolean {
  return ms >= MIN_MS && ms <= MAX_MS;
}
