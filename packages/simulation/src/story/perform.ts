import type { Application } from '../people/application.ts';
import type { Subscriber } from '../people/subscriber.ts';
import type { LinkState, SimServer, World } from '../types.ts';
import type { Act, ServiceName } from './act.ts';

/** What acts are done to. */
export interface Stage {
  readonly world: World;
  readonly application: Application;
  readonly subscribers: ReadonlyMap<string, Subscriber>;
  has(node: string): boolean;
  /** Throws a RangeError when it is not there. */
  server(node: string): SimServer;
  /** The slots of a server were touched by a person. */
  touched(server: SimServer, slot: string): void;
  kill(node: string, service: ServiceName, stays: boolean): void;
  prepare(node: string): void;
  freeze(node: string, service: ServiceName): void;
  wake(node: string, service: ServiceName): void;
  kafka(state: LinkState, process: string | undefined): void;
  stream(node: string, state: LinkState): void;
  rejoin(node: string, upstream: string): void;
  follow(node: string, upstream: string): void;
  backup(node: string): void;
  restore(node: string): void;
  clone(node: string, name: string): void;
  point(node: string, afterMs: number): void;
}

/** Does an act; one that makes no sense as things are does nothing, so that any part of a story is a story. */
export function perform(act: Act, stage: Stage): void {
  if (nodesOf(act).every((node) => stage.has(node))) {
    carryOut(act, stage);
  }
}

function nodesOf(act: Act): string[] {
  return [...('node' in act ? [act.node] : []), ...('upstream' in act ? [act.upstream] : [])];
}

function carryOut(act: Act, stage: Stage): void {
  const { application } = stage;
  switch (act.kind) {
    case 'wait':
      return;
    case 'write':
      return void application.write(act.rows);
    case 'traffic':
      return application.writeEvery(act.everyMs, act.rows, act.ms);
    case 'bulk':
      return application.bulk(act.mib * 1024 * 1024);
    case 'long_transaction':
      return application.writeSlowly(act.rows, act.ms);
    case 'hammer':
      return application.hammer(stage.server(act.node), act.ms);
    case 'when':
      return void stage.world.on(act.on, () => perform(act.act, stage));
    case 'kill':
      return stage.kill(act.node, act.service, act.stays ?? false);
    case 'prepare':
      return stage.prepare(act.node);
    case 'freeze':
      return stage.freeze(act.node, act.service);
    case 'wake':
      return stage.wake(act.node, act.service);
    case 'stream':
      return stage.stream(act.node, act.state);
    case 'kafka':
      return stage.kafka(act.state, act.process);
    case 'crash':
    case 'stop':
    case 'start':
    case 'promote':
    case 'checkpoint':
      return doToServer(act.kind, stage.server(act.node), stage);
    case 'rejoin':
      return stage.rejoin(act.node, act.upstream);
    case 'follow':
      return stage.follow(act.node, act.upstream);
    case 'backup':
      return stage.backup(act.node);
    case 'restore':
      return stage.restore(act.node);
    case 'clone':
      return stage.clone(act.node, act.name);
    case 'point':
      return stage.point(act.node, act.afterMs);
    case 'subscriber':
      return stage.subscribers.get(act.slot)?.[act.does]();
    case 'dba_create':
    case 'dba_drop':
    case 'dba_advance':
    case 'dba_copy':
      return byHand(act, stage);
  }
}

function doToServer(
  kind: 'crash' | 'stop' | 'start' | 'promote' | 'checkpoint',
  server: SimServer,
  { application }: Stage,
): void {
  if (kind === 'start') {
    if (!server.running) {
      server.start();
    }
  } else if (server.running && (kind !== 'promote' || server.inRecovery)) {
    if (kind === 'crash' || kind === 'stop') {
      application.lost(server);
    }
    server[kind]();
  }
}

type HandAct = Extract<Act, { readonly kind: `dba_${string}` }>;

/** What the server refuses is not done. */
function byHand(act: HandAct, stage: Stage): void {
  const server = stage.server(act.node);
  if (!server.running) {
    return;
  }
  try {
    touch(act, server);
  } catch {
    return;
  }
  stage.touched(server, act.kind === 'dba_copy' ? act.target : act.slot);
}

function touch(act: HandAct, server: SimServer): void {
  switch (act.kind) {
    case 'dba_create':
      return server.createSlot(act.slot);
    case 'dba_drop':
      return server.dropSlot(act.slot);
    case 'dba_advance':
      return server.advanceSlot(act.slot, server.inRecovery ? server.replayLsn : server.flushLsn);
    case 'dba_copy':
      return server.copySlot(act.slot, act.target);
  }
}
