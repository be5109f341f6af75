import assert from 'node:assert/strict';
import type { PostgresServer } from '@slotcast/testkit';
import type { Scene } from './scene.ts';
import type { ServiceProcess } from './service-process.ts';

/** How a service ended by itself: its exit code, and the code of the error that it named. */
export interface Refusal {
  readonly exitCode: number | undefined;
  readonly code: unknown;
}

/** Waits until the service ends by itself. Its last word must be a fatal line with an error and what to do about it. */
export async function refusal(service: ServiceProcess): Promise<Refusal> {
  const exitCode = await service.exit();
  const log = await service.process.log();
  const fatal = logLines(log).filter((line) => line['level'] === 'fatal');
  assert.equal(fatal.length, 1, log);
  const [line] = fatal;
  assert.equal(typeof line?.['error'], 'string', log);
  assert.match(String(line?.['remedy']), /\S/, log);
  return { exitCode, code: line?.['code'] };
}

/** All that a service beside this server could have changed: the ends of both topics, and the server's slots. */
export async function traces(scene: Scene, server: PostgresServer): Promise<object> {
  const { slots, nodes } = scene.topics;
  return {
    slots: await scene.log.endOffset(slots),
    nodes: await scene.log.endOffset(nodes),
    local: await server.query(
      'select slot_name, slot_type, plugin, confirmed_flush_lsn::text from pg_replication_slots order by slot_name',
    ),
  };
}

function logLines(log: string): Record<string, unknown>[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => {
      const value: unknown = JSON.parse(line);
      assert.ok(typeof value === 'object' && value !== null);
      return { ...value };
    });
}
