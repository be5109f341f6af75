import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkStandbySlots,
  type NodeSlotStatus,
  type NodeStatus,
  type PhysicalSlotState,
} from '@slotcast/domain';
import { nodeSlotStatus, nodeStatus } from '../status/node-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';

const bravo = nodeStatus('bravo', { primarySlotName: 'to_bravo' });

function judge(of: {
  slots?: PhysicalSlotState[];
  nodes?: NodeStatus[];
  copies?: NodeSlotStatus[];
  slotless?: string[];
}) {
  const { slots = [], nodes = [], copies = [], slotless = [] } = of;
  return checkStandbySlots(
    { node: 'alpha', physicalSlots: slots, slotless },
    { nodes: new Map(nodes.map((node) => [node.node, node])), nodeSlots: copies },
  );
}

function outcomes(of: Parameters<typeof judge>[0]): string[] {
  return judge(of).map(({ outcome }) => outcome);
}

describe('the physical slot of a standby', { timeout: 5000 }, () => {
  test('is right when it is in use and holds back catalog rows', () => {
    const slots = [physicalSlot('to_bravo', { catalogXmin: 750 })];
    const copies = [nodeSlotStatus('bravo', 'app1')];
    assert.deepEqual(outcomes({ slots, nodes: [bravo], copies }), ['ok']);
  });

  test('need not hold back catalog rows before the standby has slots of its own', () => {
    const slots = [physicalSlot('to_bravo', { xmin: 750 })];
    assert.deepEqual(outcomes({ slots, nodes: [bravo] }), ['ok']);
    assert.deepEqual(outcomes({ slots, nodes: [bravo], copies: [nodeSlotStatus('bravo', 'a')] }), ['failed']);
  });

  test('that holds back nothing tells of feedback that is off', () => {
    const slots = [physicalSlot('to_bravo', { xmin: undefined })];
    const [check] = judge({ slots, nodes: [bravo] });
    assert.equal(check?.outcome, 'failed');
    assert.equal(
      check?.remedy,
      '/* on bravo */ ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();',
    );
  });

  test('that is not in use, or missing, or not configured fails', () => {
    const away = [physicalSlot('to_bravo', { active: false, catalogXmin: 750 })];
    assert.deepEqual(outcomes({ slots: away, nodes: [bravo] }), ['failed']);
    const [missing] = judge({ nodes: [bravo] });
    assert.equal(missing?.remedy, "SELECT pg_create_physical_replication_slot('to_bravo', true);");
    const [unset] = judge({ nodes: [nodeStatus('DB-2.example')] });
    assert.match(
      unset?.remedy ?? '',
      /'db_2_example', true.*on DB-2\.example.*primary_slot_name = 'db_2_example'/,
    );
  });

  test('of a cascaded standby is on the standby in between', () => {
    const between = nodeStatus('bravo', {
      primarySlotName: 'to_bravo',
      physicalSlots: [{ name: physicalSlot('to_charlie').name }],
    });
    const charlie = nodeStatus('charlie', { primarySlotName: 'to_charlie' });
    const slots = [physicalSlot('to_bravo', { catalogXmin: 750 })];
    assert.deepEqual(outcomes({ slots, nodes: [between, charlie] }), ['ok']);
  });
});

function between(active: boolean): NodeStatus {
  const { name } = physicalSlot('to_charlie');
  return nodeStatus('bravo', { primarySlotName: 'to_bravo', physicalSlots: [{ name, active }] });
}

describe('the physical slot of a standby that has one of that name on several servers', {
  timeout: 5000,
}, () => {
  const charlie = nodeStatus('charlie', { primarySlotName: 'to_charlie' });

  test('need not be in use here while the one on the standby in between is', () => {
    const slots = [
      physicalSlot('to_bravo', { catalogXmin: 750 }),
      physicalSlot('to_charlie', { active: false, xmin: undefined }),
    ];
    assert.deepEqual(outcomes({ slots, nodes: [between(true), charlie] }), ['ok', 'info']);
    assert.deepEqual(outcomes({ slots, nodes: [between(false), charlie] }), ['ok', 'failed']);
  });
});

test('a physical slot that was invalidated holds nothing, whatever it shows', { timeout: 5000 }, () => {
  const slots = [physicalSlot('to_bravo', { catalogXmin: 750, walStatus: 'lost', active: false })];
  const [known] = judge({ slots, nodes: [bravo] });
  assert.equal(known?.outcome, 'failed');
  assert.match(known?.message ?? '', /to_bravo of node bravo was invalidated \(lost\)/);
  assert.match(
    known?.remedy ?? '',
    /^SELECT pg_drop_replication_slot\('to_bravo'\); SELECT pg_create_physical/,
  );
  assert.deepEqual(outcomes({ slots }), ['failed']);
});

describe('what is no known standby', { timeout: 5000 }, () => {
  test('is a warning when its slot is left behind, or when it streams without one', () => {
    const [left] = judge({ slots: [physicalSlot('old', { active: false })] });
    assert.equal(left?.outcome, 'warning');
    assert.match(left?.remedy ?? '', /pg_drop_replication_slot\('old'\)/);
    assert.deepEqual(outcomes({ slotless: ['walreceiver'] }), ['warning']);
  });

  test('that only keeps a name taken is no standby that is away', () => {
    const kept = { restartLsn: undefined, xmin: undefined, walStatus: undefined, active: false };
    const [check] = judge({ slots: [physicalSlot('orders_cdc', kept)] });
    assert.equal(check?.outcome, 'info');
    assert.match(check?.remedy ?? '', /slotcast release orders_cdc/);
  });

  test('may well send no feedback', () => {
    assert.deepEqual(outcomes({ slots: [physicalSlot('archive', { xmin: undefined })] }), ['info']);
  });
});

test('the record of this node, from when it was a standby, is not a standby of it', { timeout: 5000 }, () => {
  const old = nodeStatus('alpha', { primarySlotName: 'to_alpha' });
  assert.deepEqual(outcomes({ nodes: [old] }), ['info']);
});
