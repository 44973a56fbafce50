/** Times on the German page, which writes decimals after a comma. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loadTexts } from '../../../../src/pages/static/texts.js';
import { parseTime, timeText } from '../../../../src/pages/static/times.js';

globalThis.document = { documentElement: {} };
Object.defineProperty(globalThis, 'navigator', { value: { languages: ['de-DE'] }, configurable: true });
globalThis.localStorage = { getItem: () => 'toString' }; // no language, although every object has it

test('a time has a decimal comma, and is read again as it is written', async () => {
  await loadTexts();
  assert.equal(timeText(2.042), '0:02,042');
  assert.equal(timeText(3723.25), '1:02:03,25');
  assert.equal(timeText(62), '1:02');
  for (const seconds of [0.04, 59.999, 3599.999]) assert.equal(parseTime(timeText(seconds)), seconds);
});
