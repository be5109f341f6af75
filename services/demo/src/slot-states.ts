const SLOT_STATE = /^slotcast_consumer_slot_state\{(?<labels>[^}]*)\} 1$/;
const PUBLISHER_EPOCH = /^slotcast_publisher_epoch (?<epoch>\d+)$/m;
const IS_PUBLISHING = /^slotcast_publisher_is_publishing 1$/m;

/** The state of each slot, by name, as a consumer's `/metrics` page has it. */
export function readSlotStates(page: string): ReadonlyMap<string, string> {
  const states = new Map<string, string>();
  for (const line of page.split('\n')) {
    const labels = SLOT_STATE.exec(line)?.groups?.['labels'];
    const slot = label(labels, 'slot_name');
    const state = label(labels, 'state');
    if (slot !== undefined && state !== undefined) {
      states.set(slot, state);
    }
  }
  return states;
}

function label(labels: string | undefined, name: string): string | undefined {
  return labels === undefined ? undefined : new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
}

/** The epoch that a publisher holds, as its `/metrics` page has it; `undefined` while it publishes nothing. */
export function readPublishingEpoch(page: string): number | undefined {
  const epoch = PUBLISHER_EPOCH.exec(page)?.groups?.['epoch'];
  return epoch !== undefined && IS_PUBLISHING.test(page) ? Number(epoch) : undefined;
}
