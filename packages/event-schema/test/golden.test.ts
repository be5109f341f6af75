import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCodec, type EncodedRecord, type StoredRecord } from '@slotcast/event-schema';
import { exampleEvent, exampleManifest, exampleNode, exampleNodeSlot } from './examples.ts';

const codec = createCodec();
const CONTENT_TYPE = 'content-type=application/avro; framing=single-object';

/** Records to the last byte. They stay here when later versions are written, because they have to stay readable. */
const EVENT_HEADERS =
  'slot=orders_cdc,lsn=16/B374D900,confirmed_flush_lsn=16/B374D848,restart_lsn=16/B374D000,timeline=3,epoch=7,seq=41,' +
  `node=db1,incarnation=7.2,time=2026-01-31T12:00:00.123Z,schema=3ba721e9f063ff68,${CONTENT_TYPE}`;
const EVENT_BODY =
  '146f72646572735f63646302021070676f7574707574020873686f70028080020102808080b0d60501000280c0a6b7d6050290e1a6b7d605' +
  '000280a0d9e61d02107265736572766564000002a6f9e4be8267000e0480e4a6b7d605060e5206646231f6f9e4be8267';
const golden = {
  update: {
    key: 'orders_cdc',
    headers: `op=update,${EVENT_HEADERS}`,
    value: `c30168ff63f0e921a73b04${EVENT_BODY}`,
  },
  drop: {
    key: 'orders_cdc',
    headers: `op=drop,${EVENT_HEADERS}`,
    value: `c30168ff63f0e921a73b06${EVENT_BODY}`,
  },
  tombstone: { key: 'orders_cdc', headers: `op=drop,${EVENT_HEADERS}`, value: undefined },
  manifestOfVersion1: {
    key: '@manifest',
    headers:
      'op=manifest,lsn=16/B374D900,timeline=3,epoch=7,seq=42,node=db1,time=2026-01-31T12:00:00.123Z,' +
      `schema=3103f1aba80f0891,${CONTENT_TYPE}`,
    value:
      'c30191080fa8abf10331263734313233343536373839303132333435363704028080803004d0808080d40500066462311035663163306232' +
      '6510613931643434633702146f72646572735f6364630e040080e4a6b7d605060e5406646231f6f9e4be8267',
  },
  manifest: {
    key: '@manifest',
    headers:
      'op=manifest,lsn=16/B374D900,timeline=3,epoch=7,seq=42,node=db1,time=2026-01-31T12:00:00.123Z,' +
      `schema=a037239bf5ca5083,${CONTENT_TYPE}`,
    value:
      'c3018350caf59b2337a0263734313233343536373839303132333435363704028080803004d0808080d405000664623110356631633062' +
      '326510613931643434633702f689b2ec81670280808080d60502146f72646572735f6364630e040002146f72646572735f6364630c0602' +
      'b6d0ddbe82670080e4a6b7d605060e5406646231f6f9e4be8267',
  },
  node: {
    key: 'db2',
    headers:
      'op=node,node=db2,role=standby,lsn=16/B374D880,timeline=3,time=2026-01-31T12:00:00.123Z,' +
      `schema=0e8230922cf723cc,${CONTENT_TYPE}`,
    value:
      'c301cc23f72c9230820e06646232021030396162376333310a302e312e30263734313233343536373839303132333435363706c8fc1502f6' +
      '89b2ec81670280e4a6b7d6050280e2a6b7d60502feffffffffffffffff0102106462313a3534333202066462320201040664623302fe9fd9' +
      'e61d020102000280e2a6b7d6050664623400000000000002ce4902cc240002d6fbd9be826702d0490002106f726465722d313702b6d0ddbe' +
      '826700020661707026756e7265616461626c655f706f736974696f6e040c636f6c756d6e26636f6e6669726d65645f666c7573685f6c736e' +
      '0a76616c75652246464646464646462f46464646464646460000021673706c69745f627261696e061074696d656c696e650233086e6f6465' +
      '066462310c726976616c730664623300021061393164343463370206d0808080d6050280808090d60502f688e0be826780808086d60502146f72646572735f636463808080' +
      '87d6050002020c7061792d31370000020a617564697402146265696e675f6d616465000000f6f9e4be8267023ef6f9e4be82670218808080800496a5e1be8267f6f9' +
      'e4be8267',
  },
  nodeSlot: {
    key: 'db2/orders_cdc',
    headers:
      'op=node_slot,node=db2,slot=orders_cdc,role=standby,state=catching_up,confirmed_flush_lsn=16/B374D848,' +
      'restart_lsn=16/B374D000,incarnation=7.2,time=2026-01-31T12:00:00.123Z,' +
      `schema=ea47417c022377c0,${CONTENT_TYPE}`,
    value:
      'c301c07723027c4147ea06646232146f72646572735f63646302020e04106139316434346337010280e4a6b7d605010002042077616974735f' +
      '737562736372696265720408736c6f74146f72646572735f63646310706f736974696f6e1631362f423337344439303000126b6570745f68' +
      '65726500000280c0a6b7d6050290e1a6b7d60502186d6f76655f72656675736564041073716c73746174650a323230323308736169643269' +
      '742074616b6573206f7074696f6e7320746f207374617274000000f6f9e4be8267',
  },
};

interface Golden {
  readonly key: string;
  readonly headers: string;
  readonly value: string | undefined;
}

describe('the bytes of a record', { timeout: 10_000 }, () => {
  test('are written as they always were', async () => {
    const drop = { ...exampleEvent, op: 'drop' as const };
    assert.deepEqual((await codec.encodeSlotEvent('t', exampleEvent)).map(shown), [golden.update]);
    assert.deepEqual((await codec.encodeSlotEvent('t', drop)).map(shown), [golden.drop, golden.tombstone]);
    assert.deepEqual(shown(await codec.encodeManifest('t', exampleManifest)), golden.manifest);
    assert.deepEqual(shown(await codec.encodeNodeStatus('t', exampleNode)), golden.node);
    assert.deepEqual(shown(await codec.encodeNodeSlotStatus('t', exampleNodeSlot)), golden.nodeSlot);
    const gone = codec.encodeTombstone({ node: 'db2', slot: exampleEvent.slot, time: exampleEvent.time });
    assert.deepEqual(shown(gone), {
      key: 'db2/orders_cdc',
      headers: 'op=node_tombstone,node=db2,slot=orders_cdc,time=2026-01-31T12:00:00.123Z',
      value: undefined,
    });
  });

  test('are read, those of version 1, too', async () => {
    const { state, ...withoutState } = exampleEvent;
    const slots = (record: Golden) => codec.decodeSlotsRecord(stored(record));
    assert.deepEqual(await slots(golden.update), exampleEvent);
    assert.deepEqual(await slots(golden.drop), { ...withoutState, op: 'drop', state });
    assert.deepEqual(await slots(golden.tombstone), { ...withoutState, op: 'drop' });
    assert.deepEqual(await slots(golden.manifest), exampleManifest);
    const { serverStartedAt, recoveredLsn, orphans, ...ofVersion1 } = exampleManifest;
    assert.ok(serverStartedAt !== undefined && recoveredLsn !== undefined && orphans !== undefined);
    assert.deepEqual(await slots(golden.manifestOfVersion1), ofVersion1);
    assert.deepEqual(await codec.decodeNodesRecord(stored(golden.node)), exampleNode);
    assert.deepEqual(await codec.decodeNodesRecord(stored(golden.nodeSlot)), exampleNodeSlot);
  });
});

function shown(record: EncodedRecord): Golden {
  return {
    key: Buffer.from(record.key).toString(),
    headers: [...record.headers].map(([name, value]) => `${name}=${Buffer.from(value).toString()}`).join(','),
    value: record.value === null ? undefined : Buffer.from(record.value).toString('hex'),
  };
}

function stored(record: Golden): StoredRecord {
  const headers = record.headers.split(',').map((header): [string, Uint8Array] => {
    const equals = header.indexOf('=');
    return [header.slice(0, equals), Buffer.from(header.slice(equals + 1))];
  });
  return {
    key: Buffer.from(record.key),
    value: record.value === undefined ? null : Buffer.from(record.value, 'hex'),
    headers: new Map(headers),
  };
}
