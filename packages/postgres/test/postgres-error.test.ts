import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { classifyPostgresError, describePostgresError, PostgresConnectionError } from '@slotcast/postgres';
import { DatabaseError } from 'pg';

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

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

  test('with a certificate that does not fit is mended by nobody but the operator', () => {
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
