import { entry, fixed } from './reason-entry.ts';

/** What became of slots at a promotion, or would become of them. */
export const promotionReasons = {
  diverged_quarantined: entry(
    { confirmed: 'lsn', left: 'lsn?', copy: 'name' },
    ({ confirmed, left, copy }) =>
      `${divergedRange(confirmed, left)}: the slot is kept as ${copy}, and a placeholder has its name, so that the subscriber fails. Free the name with slotcast release, let the subscriber start over with a new slot, then drop the copy`,
  ),
  diverged_dropped: entry(
    { confirmed: 'lsn', left: 'lsn?' },
    ({ confirmed, left }) =>
      `${divergedRange(confirmed, left)}: the slot was dropped, as the server kept no copy of it, and a placeholder has its name, so that the subscriber fails. Free the name with slotcast release, and let the subscriber start over with a new slot`,
  ),
  diverged_unsafe: entry(
    { confirmed: 'lsn', left: 'lsn?' },
    ({ confirmed, left }) =>
      `${divergedRange(confirmed, left)}: changes up to there would be skipped for it without an error. Stop it and let it start over with a new slot`,
  ),
  diverged_unknown: entry(
    { confirmed: 'lsn', since: 'time?' },
    ({ confirmed, since }) =>
      `its subscriber may have gone on at another primary after it was heard of last${since === undefined ? '' : ` at ${since}`}, and confirmed more than ${confirmed}: changes up to there would be skipped for it without an error. Compare what it has with this server, or let it start over with a new slot`,
  ),
  lost_on_promotion: fixed('lost on the promotion, when it was not ready', ': '),
  not_dropped: fixed(
    'it is not safe to use and could not be dropped: drop it, and let its subscriber start over with a new slot',
  ),
  not_restored: entry(
    { leader: 'name' },
    ({ leader }) =>
      `it was being made anew, and could not be copied from ${leader} yet: the publisher tries again for an hour at most; after that let its subscriber start over with a new slot`,
  ),
  not_two_phase: fixed(
    'it is here as a copy without two_phase, and somebody used it when it was to get that back: stop its subscriber, and let it start over with a new slot, or without two_phase',
  ),
  no_slot_here: entry(
    { published: 'lsn' },
    ({ published }) => `no slot of that name was here; it was published last at ${published}`,
  ),
  other_slot_here: entry(
    { published: 'lsn' },
    ({ published }) =>
      `the slot of that name here is another one, which slotcast neither made nor followed; the one that was lost was published last at ${published}. Its subscriber may miss changes: let it start over with a new slot`,
  ),
  strayed_kept: entry(
    { copy: 'name' },
    ({ copy }) =>
      `It is kept as ${copy}, and a placeholder has its name: free that with slotcast release, and let its subscriber start over with a new slot`,
  ),
  strayed_dropped: fixed(
    'It was dropped, as the server kept no copy of it, and a placeholder has its name: free that with slotcast release, and let its subscriber start over with a new slot',
  ),
  name_not_kept: fixed(
    'It was dropped as it must not be used, and its name could not be kept taken: whoever uses a slot of that name now misses changes. Stop that, and let its subscriber start over with a new slot',
  ),
  strayed_left: fixed(
    'It was left as it is, because its subscriber may have confirmed that itself: see whether it misses changes',
  ),
  invariant_on_promotion: entry(
    { step: 'name', fault: 'said' },
    ({ step, fault }) =>
      `slotcast was about to take a wrong step at the promotion (${step}: ${fault}), and left it as it is: see whether its subscriber misses changes, and report it, that is a fault of slotcast`,
  ),
  ahead_of_wal: entry(
    { bytes: 'bytes' },
    ({ bytes }) =>
      `its subscriber has confirmed ${bytes} bytes of WAL that this server does not have: rows that it received from there would be on no server`,
  ),
  no_usable_slot: fixed('there is no usable slot of that name here'),
  made_beyond_replay: entry(
    { position: 'lsn' },
    ({ position }) =>
      `it was made on the primary at ${position} or before, which this server has not replayed`,
  ),
  publisher_unheard: entry(
    { publisher: 'name', seconds: 'seconds?' },
    ({ publisher, seconds }) =>
      `the publisher beside ${publisher} has said nothing ${heardText(seconds)}, and it is not known which slots were made, and what their subscribers have confirmed, since`,
  ),
  wal_after_last_word: entry(
    { bytes: 'bytes', publisher: 'name', word: 'lsn', seconds: 'seconds?' },
    ({ bytes, publisher, word, seconds }) =>
      `${bytes} bytes of WAL were received after the last word of the publisher beside ${publisher} (${word}), which has said nothing ${heardText(seconds)}: slots that were made meanwhile are not known`,
  ),
  not_drained: fixed('the time was over before all that the topic has was read'),
} as const;

/** Why nothing is concluded from the topic, or from what a node wrote to it. */
export const topicReasons = {
  topic_new: fixed(
    'the slots topic has no manifest yet: it is new. Start slotcast publisher beside the primary',
  ),
  topic_emptied: entry(
    { nodes: 'names' },
    ({ nodes }) =>
      `the slots topic has no manifest, although ${nodes} followed one: it was recreated or emptied. Start slotcast publisher beside the primary`,
  ),
  other_branch: entry(
    { topic: 'name', node: 'name', here: 'name' },
    ({ topic, node, here }) =>
      `the topic is on the branch ${topic} of node ${node}, and this standby follows ${here}: it streams from another primary, and one of the two may be a copy. Decide which one is right, and let this standby follow it`,
  ),
  split_brain: entry(
    { timeline: 'name', node: 'name', rivals: 'name' },
    ({ timeline, node, rivals }) =>
      `split brain: timeline ${timeline} was born on node ${node}, and node ${rivals} was promoted to it as well. One of them may be a copy. Decide which is the primary before anything is done to any of them`,
  ),
  later_timeline: entry(
    { topic: 'name', node: 'name', here: 'name' },
    ({ topic, node, here }) =>
      `the topic is on timeline ${topic} of node ${node}, and this standby follows timeline ${here}: it lacks what was committed since. If that server is the right primary, and no copy, let this one follow it, or promote another standby`,
  ),
  manifest_not_reached: entry(
    { position: 'lsn?', timeline: 'name?' },
    ({ position, timeline }) =>
      `replay has not reached the publisher's list of slots yet${position === undefined ? '' : ` (${position} on timeline ${timeline})`}, so nothing is known of them here`,
  ),
  unfit_alarm: fixed(
    'has a consumer that does nothing to its slots, and does not stand by what is recorded of them',
    ': ',
  ),
  unfit_system: entry(
    { here: 'name', primary: 'name' },
    ({ here, primary }) =>
      `has system identifier ${here}, the primary ${primary}: it is no standby of this cluster`,
  ),
  unfit_timeline: entry(
    { here: 'name', primary: 'name' },
    ({ here, primary }) =>
      `follows timeline ${here}, and the primary is on timeline ${primary}: it lacks what was committed since`,
  ),
  unfit_branch: entry(
    { timeline: 'name', position: 'lsn', primary: 'name' },
    ({ timeline, position, primary }) =>
      `has WAL of timeline ${timeline} up to ${position}, which is not in the history of the primary (${primary}): if that primary is the right one, and no copy, keep what only this server has, and let it rejoin`,
  ),
  not_said: entry({ node: 'name' }, ({ node }) => `${node} has not said anything of it as a standby`),
  not_stood_by: entry(
    { node: 'name' },
    ({ node }) => `${node} does not stand by what is recorded of it`,
    ': ',
  ),
  earlier_slot: fixed('its copy is of an earlier slot of this name'),
  earlier_topic: fixed('its copy is from before the topic was made anew'),
} as const;

function divergedRange(confirmed: string, left: string | undefined): string {
  const where = left === undefined ? 'at an earlier promotion, of which no fence is on record' : `at ${left}`;
  return `its subscriber had confirmed ${confirmed}, and this server left that WAL ${where}`;
}

function heardText(seconds: string | undefined): string {
  return seconds === undefined ? 'yet' : `for ${seconds} s`;
}
