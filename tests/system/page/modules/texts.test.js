import assert from 'node:assert/strict';
import { test } from 'node:test';

import { noteTexts, paceTexts, sizeText } from '../../../../src/pages/static/texts.js';

test('speeds and times left are written once, and nothing that is zero', () => {
  assert.deepEqual(paceTexts({ speed: '0.3MB/s', eta: '00:00' }), ['0.3 MB/s', '']);
  assert.equal(paceTexts({ speed: '0.10x', eta: null })[0], '0.1×');
  assert.equal(paceTexts({ speed: '1234.5MB/s' })[0], '1,234.5 MB/s');
  assert.deepEqual(paceTexts({ speed: '0.0MB/s', eta: null }), ['', '']);
  assert.deepEqual(paceTexts({}), ['', '']);
  assert.equal(paceTexts({ eta: '00:12' })[1], 'progress.left');
  assert.equal(sizeText(1.25e9), '1.3 GB');
});

test('a note without a sentence of the language is said in the words of the service, and once', () => {
  const note = { code: 'reencoded', text: 'Encoded again' };
  assert.deepEqual(noteTexts([note, note]), ['Encoded again']);
});
