import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ConnectionPoolerError,
  classifyPostgresError,
  describePostgresError,
  isPoolerError,
  judgeReading,
  PostgresConnectionError,
} from '@slotcast/postgres';
import { DatabaseError } from 'pg';

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function serverError(code: string, routine: string): DatabaseError {
  return Object.assign(new DatabaseError('it says no', 1, 'error'), { code, routine });
}

describe('an error of reading a copy', { timeout: 5000 }, () => {
  test('says something of the slot only where that is at fault, and neither the server nor the way to it', () => {
    assert.equal(judgeReading(serverError('55000', 'CreateDecodingContext')), 'faulty');
    assert.equal(judgeReading(serverError('XX001', 'heap_read')), 'faulty');
    assert.equal(judgeReading(serverError('55000', 'CheckLogicalDecodingRequirements')), 'passing');
    // A database that lets nobody in says so with the same code.
    const refused = new PostgresConnectionError('no', serverError('55000', 'CheckMyDatabase'));
    assert.equal(judgeReading(refused), 'passing');
    assert.equal(judgeReading(serverError('53400', 'ReplicationSlotCreate')), 'passing');
    assert.equal(judgeReading(serverError('42710', 'ReplicationSlotCreate')), 'passing');
    assert.equal(judgeReading(serverError('XX000', 'DecodeXLogTuple')), 'faulty');
  });

  test('says nothing of it where the server lacks means, ends the session, cannot read a file, or somebody made the slot anew meanwhile', () => {
    const passing = [
      ['53300', 'InitProcess'],
      ['53200', 'AllocSetAlloc'],
      ['53100', 'mdextend'],
      ['53000', 'BasicOpenFilePerm'],
      ['58030', 'WALReadRaiseError'],
      ['58030', 'mdread'],
      ['58P01', 'load_external_function'],
      ['40001', 'ProcessInterrupts'],
      ['55006', 'ReplicationSlotAcquire'],
      ['55P03', 'ProcSleep'],
      ['57P01', 'ProcessInterrupts'],
      ['25P03', 'ProcessInterrupts'],
      ['25P04', 'ProcessInterrupts'],
      ['54000', 'enlargeStringInfo'],
      ['XX000', 'MemoryContextSizeFailure'],
      ['XX000', 'palloc'],
      ['XX000', 'copy_replication_slot'],
      ['XX000', 'WALReadRaiseError'],
      ['XX000', 'ReorderBufferRestoreChanges'],
      ['XX000', 'ReorderBufferSerializeTXN'],
    ] as const;
    for (const [code, routine] of passing) {
      assert.equal(judgeReading(serverError(code, routine)), 'passing', `${code} of ${routine}`);
    }
  });
});

describe('an error of the connection', { timeout: 5000 }, () => {
  test('to a name with several addresses tells of each, and has the code of the first', () => {
    const cause = new AggregateError([
      systemError('ECONNREFUSED', 'connect ECONNREFUSED ::1:5432'),
      systemError('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432'),
    ]);
    const error = new PostgresConnectionError('could not connect to PostgreSQL at db1', cause);
    assert.equal(
      describePostgresError(error),
      'could not connect to PostgreSQL at db1: connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432 [ECONNREFUSED]',
    );
    assert.equal(classifyPostgresError(error).class, 'retry');
  });

  test('with a certificate that does not fit is fixed by nobody but the operator', () => {
    for (const code of [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ]) {
      const error = new PostgresConnectionError('could not connect', systemError(code, 'bad certificate'));
      assert.equal(classifyPostgresError(error).class, 'fatal', code);
    }
  });

  test('that nobody knows is unexpected', () => {
    assert.equal(classifyPostgresError(new TypeError('x is not a function')).class, 'unexpected');
    assert.equal(classifyPostgresError('thrown text').class, 'unexpected');
  });
});

describe('an error of the server', { timeout: 5000 }, () => {
  test('is described with its code, detail and hint', () => {
    const error = new DatabaseError('cannot do it', 0, 'error');
    Object.assign(error, { code: '55000', detail: 'Because.', hint: 'Do something else.' });
    assert.equal(describePostgresError(error), 'cannot do it [55000] Because. Do something else.');
  });
});

function refusal(fields: Partial<DatabaseError>, configuredDatabase = true): PostgresConnectionError {
  const cause = Object.assign(new DatabaseError('refused', 0, 'error'), fields);
  return new PostgresConnectionError('could not connect', cause, { connecting: true, configuredDatabase });
}

function verdict(error: PostgresConnectionError): string {
  const { class: kind, mayPass } = classifyPostgresError(error);
  return `${kind}${mayPass ? ', may pass' : ''}`;
}

describe('a refusal of the server while a session begins', { timeout: 5000 }, () => {
  test('may pass when a standby has not replayed it yet, or somebody is changing it', () => {
    for (const code of ['28000', '28P01', '3D000', '42501']) {
      assert.equal(verdict(refusal({ code, routine: 'InitPostgres' })), 'fatal, may pass', code);
    }
    assert.equal(verdict(refusal({ code: '55000', routine: 'CheckMyDatabase' })), 'fatal, may pass');
    const where = 'PL/pgSQL function on_login() line 1 at RAISE';
    assert.equal(verdict(refusal({ code: 'P0001', where })), 'fatal, may pass');
    assert.equal(verdict(refusal({ code: '42704', routine: 'find_option' })), 'fatal');
  });

  test('concerns the slots of another database only, when that is where it was', () => {
    assert.equal(verdict(refusal({ code: '3D000', routine: 'InitPostgres' }, false)), 'stale');
    assert.equal(verdict(refusal({ code: '55000', routine: 'CheckMyDatabase' }, false)), 'blocked');
    const revoked = refusal({ code: '42501', routine: 'CheckMyDatabase' }, false);
    assert.equal(verdict(revoked), 'blocked');
    assert.match(classifyPostgresError(revoked).remedy, /GRANT CONNECT ON DATABASE/);
  });

  test('is that of a pooler, when no function of a server raised it or another process answers', () => {
    const unsupported = { code: '08P01', message: 'unsupported startup parameter: options' };
    const refused = refusal(unsupported);
    const answered = new PostgresConnectionError('could not connect', new ConnectionPoolerError(1, 2));
    for (const error of [refused, answered]) {
      assert.ok(isPoolerError(error));
      assert.equal(verdict(error), 'fatal');
      assert.match(classifyPostgresError(error).remedy, /directly/);
    }
    assert.equal(isPoolerError(refusal({ code: '08P01', routine: 'ProcessStartupPacket' })), false);
    assert.equal(isPoolerError(refusal({ code: '57P03', routine: 'ProcessStartupPacket' })), false);
  });
});
