import { type RoleEvent, roleEventMeanings, roleEvents } from './role-event.ts';
import { type RoleHalf, type RolePhase, roleHalves, rolePhaseMeanings, rolePhases } from './role-phase.ts';
import { type RoleTransition, roleGuards, roleTable } from './role-table.ts';

/** The page about the role of a node, in Markdown. */
export function rolePage(): string {
  const edges = roleTable
    .filter((row) => !everywhere.some((event) => event === row.event))
    .flatMap(({ from, to, ...row }) =>
      from.flatMap((phase) =>
        to === undefined || to === phase ? [] : [`    ${phase} --> ${to} : ${label(row)}`],
      ),
    );
  const diagram = ['```mermaid', 'stateDiagram-v2', '    [*] --> starting', ...edges, '```'];
  return `${[...head, '', ...diagram, '', ...phases(), '', ...events(), '', ...transitions()].join('\n')}\n`;
}

/** Not drawn: they lead from every phase to the same one. */
const everywhere = ['failed', 'refused', 'stop'] as const satisfies readonly RoleEvent[];

const head = [
  '# The role of a node',
  '',
  'This page is written by `npm run diagrams` from the table in `packages/domain/src/role/role-table.ts`; a test compares both.',
  '',
  'Consumer and publisher are one state machine. The consumer is its following half, the publisher its publishing half; a node runs both, in one',
  'process or in two. They share the record of the node in the nodes topic, and the lock of the node on its server. Each half reports what happens to it, and an event that the',
  'table lacks is logged as an error with the field `role_violation` and counted in `slotcast_role_violations_total`.',
  '`slotcast_node_phase` shows the phase. Each process has one guard, which watches the server on a connection of its own, works beside all phases, and tells',
  'each half that runs in it.',
  '',
  'Whatever happens: nothing is claimed or published before the hand-off of the promotion is on record, or none is needed. No phase of a standby',
  'outlasts the end of recovery. Nobody hands anything over while the guard of the process is still raising the fence, which is waited for, 5 s at most. Who is refused for good claims nothing.',
  '',
  'From every phase but the last two, `failed` leads to `starting`, `refused` to `retired` and `stop` to `stopped`; these are not drawn.',
];

function phases(): string[] {
  const rows = rolePhases.map((phase) => {
    const halves = roleHalves.filter((half) => reachable(half).has(phase));
    return `| \`${phase}\` | ${halves.length === 1 ? halves[0] : 'both'} | ${rolePhaseMeanings[phase]} |`;
  });
  return ['## Phases', '', '| phase | half | meaning |', '| --- | --- | --- |', ...rows];
}

/** The phases that a half can come to. */
function reachable(half: RoleHalf): ReadonlySet<RolePhase> {
  const found = new Set<RolePhase>(['starting']);
  for (const phase of found) {
    for (const { from, to, half: only } of roleTable) {
      if (to !== undefined && from.includes(phase) && (only ?? half) === half) {
        found.add(to);
      }
    }
  }
  return found;
}

function events(): string[] {
  const rows = roleEvents.map((event) => `| \`${event}\` | ${roleEventMeanings[event]} |`);
  return ['## Events', '', '| event | meaning |', '| --- | --- |', ...rows];
}

function transitions(): string[] {
  const rows = roleTable.map(
    (row) =>
      `| ${fromText(row.from)} | \`${row.event}\` | ${row.half ?? 'both'} | ${guardText(row)} | ${
        row.to === undefined ? 'the same' : `\`${row.to}\``
      } |`,
  );
  return [
    '## Transitions',
    '',
    '| from | event | half | only when | to |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ];
}

function fromText(from: readonly RolePhase[]): string {
  const others = rolePhases.filter((phase) => !from.includes(phase));
  if (others.length === 0) {
    return 'every phase';
  }
  return others.length < from.length ? `every phase but ${names(others)}` : names(from);
}

function names(phases: readonly RolePhase[]): string {
  return phases.map((phase) => `\`${phase}\``).join(', ');
}

function label(row: Pick<RoleTransition, 'event' | 'guard'>): string {
  const guard = guardText(row);
  return guard === '' ? row.event : `${row.event} [${guard}]`;
}

function guardText({ guard }: Pick<RoleTransition, 'guard'>): string {
  return guard === undefined ? '' : roleGuards[guard].words;
}
