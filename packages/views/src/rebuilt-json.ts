import {
  formatLsn,
  hasSnapshot,
  isShort,
  type Lsn,
  type Reason,
  type RebuildVerdict,
  reasonText,
  type StoppedServer,
} from '@slotcast/domain';
import { reasonsJson } from './json-values.ts';

/** What became of a slot, or what would become of it. */
export const rebuildOutcomes = ['installed', 'replaced', 'kept', 'left_out'] as const;
export type RebuildOutcome = (typeof rebuildOutcomes)[number];

/** The shape of `slotcast rebuild --output json`: positions as text, absent values null. */
export function rebuiltJson({
  dataFolder,
  dryRun,
  server,
  verdicts,
}: {
  readonly dataFolder: string;
  readonly dryRun: boolean;
  readonly server: StoppedServer;
  readonly verdicts: readonly RebuildVerdict[];
}) {
  return {
    data_directory: dataFolder,
    dry_run: dryRun,
    major: server.major,
    timeline: server.history.timeline,
    consistent_lsn: formatLsn(server.consistentLsn),
    complete: !verdicts.some(isShort),
    slots: verdicts.map((verdict) => {
      const installation = 'installation' in verdict ? verdict.installation : undefined;
      const reasons = reasonsOf(verdict);
      return {
        slot: verdict.slot,
        outcome: outcomeOf(verdict),
        missing: isShort(verdict),
        restart_lsn: position(installation?.restartLsn),
        confirmed_flush_lsn: position(installation?.confirmedFlushLsn),
        snapshot: hasSnapshot(installation?.snapshot),
        event_lsn: position(verdict.event?.lsn),
        reason: reasonText(reasons),
        reasons: reasonsJson(reasons),
      };
    }),
  };
}

export type RebuiltJson = ReturnType<typeof rebuiltJson>;

function reasonsOf(verdict: RebuildVerdict): readonly Reason[] {
  return 'reason' in verdict ? [verdict.reason] : [];
}

function outcomeOf({ kind }: RebuildVerdict): RebuildOutcome {
  switch (kind) {
    case 'install':
      return 'installed';
    case 'replace':
      return 'replaced';
    case 'keep':
      return 'kept';
    case 'skip':
      return 'left_out';
  }
}

function position(value: Lsn | undefined): string | null {
  return value === undefined ? null : formatLsn(value);
}
