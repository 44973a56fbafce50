import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isAboutTheFile, refusalOf } from '../../../../src/pages/static/accepted.js';
import { Pieces } from '../../../../src/pages/static/pieces.js';

const LIMITS = { upload_types: ['mkv', 'mp4'], largest_upload_bytes: 1000 };

test('a file of another type or size is refused before it is sent', () => {
  assert.equal(refusalOf({ name: 'holiday.MP4', size: 1000 }, LIMITS), null);
  assert.equal(refusalOf({ name: 'a.mp4.txt', size: 1 }, LIMITS), 'type');
  assert.equal(refusalOf({ name: 'mp4', size: 1 }, LIMITS), 'type');
  assert.equal(refusalOf({ name: 'long.mkv', size: 1001 }, LIMITS), 'size');
});

test('only errors about the file itself end an upload', () => {
  assert.ok(isAboutTheFile('UPLOAD_TYPE_UNSUPPORTED') && isAboutTheFile('MEDIA_INVALID'));
  assert.ok(!isAboutTheFile('NETWORK_DOWN') && !isAboutTheFile('QUOTA_EXCEEDED'));
});

for (const [name, rate] of [['slow', 100e3], ['1 MB/s', 1e6], ['fast', 100e6]]) {
  test(`progress is seen at least each second on a line that is ${name}`, () => {
    const pieces = new Pieces();
    for (let turn = 0; turn < 20; turn += 1) {
      const milliseconds = (pieces.size / rate) * 1000;
      assert.ok(milliseconds <= 1000, `${milliseconds} ms for piece ${turn}`);
      pieces.took(pieces.size, milliseconds);
    }
    if (rate > 1e6) assert.equal(pieces.size, 8 * 1024 * 1024);
  });
}
