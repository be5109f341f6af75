import type { Note, Trigger, Violation } from '../types.ts';
import type { Act, Story } from './act.ts';

const linkWords = { up: 'is back', refusing: 'refuses connections', silent: 'does not answer' } as const;

const subscriberWords = {
  confirm: 'confirms what it has, and from now on at once',
  hold: 'receives, and confirms nothing',
  crash: 'crashes and comes back',
  leave: 'is stopped',
  connect: 'is started',
} as const;

/** One act as a sentence. */
function tellAct(act: Act): string {
  switch (act.kind) {
    case 'wait':
      return `${formatMs(act.ms)} pass`;
    case 'write':
      return `the application commits ${formatRowCount(act.rows)}`;
    case 'traffic':
      return `for ${formatMs(act.ms)}, the application commits ${formatRowCount(act.rows)} every ${formatMs(act.everyMs)}`;
    case 'bulk':
      return `${act.mib} MiB of WAL are written without rows`;
    case 'long_transaction':
      return `a transaction of ${act.rows} rows begins; it commits ${formatMs(act.ms)} later`;
    case 'hammer':
      return `for ${formatMs(act.ms)}, the application writes to ${act.node} without a pause as soon as it is a primary`;
    case 'kill':
      return `the ${act.service} of ${act.node} is killed${act.stays === true ? ' and stays down' : ' and started again'}`;
    case 'prepare':
      return `somebody asks ${act.node} for prepare-promotion`;
    case 'freeze':
      return `the ${act.service} of ${act.node} freezes`;
    case 'wake':
      return `the ${act.service} of ${act.node} wakes up`;
    case 'stream':
      return act.state === 'up' ? `${act.node} gets WAL again` : `${act.node} gets no WAL any more`;
    case 'kafka':
      return `Kafka ${linkWords[act.state]}${act.process === undefined ? '' : ` for ${act.process}`}`;
    case 'crash':
      return `the server ${act.node} crashes`;
    case 'stop':
      return `the server ${act.node} is stopped cleanly`;
    case 'start':
      return `the server ${act.node} is started`;
    case 'promote':
      return `${act.node} is promoted`;
    case 'checkpoint':
      return `${act.node} makes a checkpoint`;
    case 'rejoin':
      return `${act.node} joins ${act.upstream} as a standby, by pg_rewind`;
    case 'follow':
      return `${act.node} follows ${act.upstream} from now on`;
    case 'backup':
      return `the data directory of ${act.node} is backed up`;
    case 'restore':
      return `the data directory of ${act.node} is restored as it was`;
    case 'clone':
      return `${act.node} is copied to ${act.name}, which runs with the same settings`;
    case 'point':
      return `the proxy leads to ${act.node}; subscribers go there ${formatMs(act.afterMs)} later`;
    case 'subscriber':
      return `the subscriber of ${act.slot} ${subscriberWords[act.does]}`;
    case 'dba_create':
      return `a DBA makes the slot ${act.slot} on ${act.node}`;
    case 'dba_drop':
      return `a DBA drops the slot ${act.slot} on ${act.node}`;
    case 'dba_advance':
      return `a DBA advances the slot ${act.slot} on ${act.node} to the end`;
    case 'dba_copy':
      return `a DBA copies the slot ${act.slot} on ${act.node} to ${act.target}`;
    case 'when':
      return `${tellTrigger(act.on)}: ${tellAct(act.act)}`;
  }
}

function tellTrigger({ process, kind, nth, moment }: Trigger): string {
  return `${moment} call ${nth} of kind ${kind} by ${process}`;
}

/** A story from its cast to what it showed, one line for each act; waits are told as the time at which the next act happens. */
export function tellStory(story: Story, violations: readonly Violation[]): string {
  const { nodes, slots, onDivergence } = story.cast;
  const [primary, ...standbys] = nodes;
  const lines = [
    `seed ${story.seed}: ${primary} is the primary, ${standbys.join(' and ')} its standby; policy ${onDivergence}; slots ${slots
      .map(
        ({ name, memory, recreates, twoPhase }) =>
          `${name} (${twoPhase === true ? 'two_phase, ' : ''}asks for ${memory === 'own' ? 'its own position' : "the slot's"}${recreates === true ? ', makes it anew when it is missing' : ''})`,
      )
      .join(', ')}`,
  ];
  let at = 0;
  for (const act of story.acts) {
    if (act.kind === 'wait') {
      at += act.ms;
    } else {
      lines.push(`${formatAt(at)}  ${tellAct(act)}`);
    }
  }
  lines.push(`${formatAt(at)}  the end`);
  return [...lines, ...violations.map(tellViolation)].join('\n');
}

function tellViolation({ invariant, at, text }: Violation): string {
  return `${formatAt(at)}  ${invariant} is broken: ${text}`;
}

/** A line of a service's log, or its end. */
export function tellNote(note: Note): string {
  const what =
    note.kind === 'exit'
      ? `ended: ${note.error instanceof Error ? note.error.message : String(note.error)}`
      : `${note.level} ${note.message} ${JSON.stringify(note.fields)}`;
  return `${formatAt(note.at)}  ${note.process}: ${what}`;
}

function formatAt(ms: number): string {
  return `${(ms / 1000).toFixed(2).padStart(8)} s`;
}

function formatMs(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
}

function formatRowCount(rows: number): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}`;
}
