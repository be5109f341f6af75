import { type ErrorCode, SlotcastError } from '@slotcast/kernel';
import { connectPostgres, isInRecovery } from '@slotcast/postgres';
import type { NodeContext } from './context.ts';

/** How often a server is looked at that may not be published. */
const LOOK_MS = 2000;

/** Why a server may not be published as the primary that it is. As a standby it is no such primary any more. */
const refusedAsPrimary: readonly ErrorCode[] = [
  'SC_HIGHER_TIMELINE',
  'SC_RESTORED_PRIMARY',
  'SC_SPLIT_BRAIN',
  'SC_UNKNOWN_NODE',
];

/** True when a publisher was refused because another server is the primary, and not for want of a topic or a setting. */
export function isRefusedAsPrimary(refusal: unknown): boolean {
  return refusal instanceof SlotcastError && refusedAsPrimary.includes(refusal.code);
}

/**
 * Waits until the cause of a publisher's refusal has gone by itself, which is when an old primary has come back as a standby. Resolves with
 * false, at once, for a refusal of any other kind: that one is for a person.
 */
export async function untilRejoined(
  context: NodeContext,
  refusal: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isRefusedAsPrimary(refusal)) {
    return false;
  }
  while (!(await isStandby(context, signal))) {
    await context.clock.sleep(LOOK_MS, signal);
  }
  return true;
}

/** False as well while nobody can tell: the server is down, or being rewound. */
async function isStandby({ postgresUrl: url }: NodeContext, signal: AbortSignal): Promise<boolean> {
  try {
    const connection = await connectPostgres({ url, applicationName: 'slotcast-publisher', signal });
    try {
      return await isInRecovery(connection, signal);
    } finally {
      await connection.close();
    }
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
