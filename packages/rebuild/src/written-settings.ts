import { readdir, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { asError } from '@slotcast/kernel';
import { parseConfiguration, parseSwitch } from './configuration-text.ts';
import { unlessMissing } from './file-error.ts';

/** What the configuration files of a data folder say; absent is what they leave to the server's default. */
export interface WrittenSettings {
  readonly walLevel?: string | undefined;
  readonly maxReplicationSlots?: number | undefined;
  readonly hotStandby?: boolean | undefined;
  readonly hotStandbyFeedback: boolean;
  readonly primarySlotName?: string | undefined;
  readonly restoreCommand?: string | undefined;
  /** All settings that are set and whose name begins with `recovery_target`. */
  readonly recoveryTarget: ReadonlyMap<string, string>;
  /** Why the server may run with other settings than these, in words. */
  readonly doubts: readonly string[];
}

/** As in the server (CONF_FILE_MAX_DEPTH). */
const MAX_DEPTH = 10;

/**
 * Reads `postgresql.conf` with what it includes, then `postgresql.auto.conf`; the last word counts. What is given to the server on its command line, or stands in a `postgresql.conf` that is
 * elsewhere, is not seen.
 */
export async function readWrittenSettings(dataFolder: string): Promise<WrittenSettings> {
  const reader = new SettingsReader();
  await reader.file(join(dataFolder, 'postgresql.conf'), { depth: 0, mustExist: true });
  await reader.file(join(dataFolder, 'postgresql.auto.conf'), { depth: 0, mustExist: false });
  const { values, doubts } = reader;
  const slots = values.get('max_replication_slots');
  const hotStandby = values.get('hot_standby');
  const isOn = hotStandby === undefined ? undefined : parseSwitch(hotStandby);
  if (hotStandby !== undefined && isOn === undefined) {
    doubts.push(`hot_standby is '${hotStandby}'`);
  }
  const count = slots === undefined ? undefined : Number(slots);
  const isCount = count !== undefined && Number.isInteger(count) && count >= 0;
  if (count !== undefined && !isCount) {
    doubts.push(`max_replication_slots is '${slots}'`);
  }
  return {
    walLevel: values.get('wal_level')?.toLowerCase(),
    maxReplicationSlots: isCount ? count : undefined,
    hotStandby: isOn,
    hotStandbyFeedback: isSwitchedOn(values.get('hot_standby_feedback')),
    primarySlotName: values.get('primary_slot_name') || undefined,
    restoreCommand: values.get('restore_command'),
    recoveryTarget: new Map(
      [...values].filter(([name, value]) => name.startsWith('recovery_target') && value !== ''),
    ),
    doubts,
  };
}

function isSwitchedOn(text: string | undefined): boolean {
  return text !== undefined && parseSwitch(text) === true;
}

interface FilePlace {
  readonly depth: number;
  readonly mustExist: boolean;
}

class SettingsReader {
  readonly values = new Map<string, string>();
  readonly doubts: string[] = [];

  async file(path: string, { depth, mustExist }: FilePlace): Promise<void> {
    if (depth > MAX_DEPTH) {
      this.doubts.push(`${path} is included at a depth of more than ${MAX_DEPTH}`);
      return;
    }
    const text = await this.#attempt(path, readFile(path, 'utf8'));
    if (text === undefined) {
      if (mustExist) {
        this.doubts.push(`${path} is not there`);
      }
      return;
    }
    const { lines, malformed } = parseConfiguration(text);
    this.doubts.push(...malformed.map((line) => `${path} has the line ${JSON.stringify(line)}`));
    for (const { name, value } of lines) {
      const target = isAbsolute(value) ? value : resolve(dirname(path), value);
      if (name === 'include' || name === 'include_if_exists') {
        await this.file(target, { depth: depth + 1, mustExist: name === 'include' });
      } else if (name === 'include_dir') {
        await this.#folder(target, depth);
      } else {
        this.values.set(name, value);
      }
    }
  }

  async #folder(path: string, depth: number): Promise<void> {
    const names = await this.#attempt(path, readdir(path));
    if (names === undefined) {
      this.doubts.push(`${path} is not there`);
    }
    const files = (names ?? []).filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
    for (const name of files.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))) {
      await this.file(join(path, name), { depth: depth + 1, mustExist: false });
    }
  }

  async #attempt<T>(path: string, reading: Promise<T>): Promise<T | undefined> {
    try {
      return await unlessMissing(reading);
    } catch (error) {
      this.doubts.push(`${path} could not be read: ${asError(error).message}`);
      return undefined;
    }
  }
}
