/** Times in every form that the API accepts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { firstLink, parseTime, timeInLink, timeText } from '../../../../src/pages/static/times.js';

test('what the API reads is read', () => {
  const forms = { 90: 90, '90.5': 90.5, '1:30': 90, '1:02:03.25': 3723.25, '1h2m3s': 3723, '2m': 120, ' 1:30 ': 90, '0,5': 0.5, '90:00': 5400 };
  for (const [text, seconds] of Object.entries(forms)) assert.equal(parseTime(text), seconds, text);
});

test('what the API refuses is refused', () => {
  for (const text of ['', 'x', '-5', '1:60', '1:99:00', '1:2:3:4', '1e3', '2592001', '9'.repeat(33)]) assert.equal(parseTime(text), null, text);
});

test('a time is written as it is read', () => {
  assert.equal(timeText(62.5), '1:02.5');
  assert.equal(timeText(3723.25), '1:02:03.25');
  assert.equal(timeText(59.9996), '1:00');
  for (const seconds of [0, 0.04, 59.999, 60, 3599.999, 36000.5]) assert.equal(parseTime(timeText(seconds)), seconds);
});

test('the time of a link is found', () => {
  assert.equal(timeInLink('https://youtu.be/x?t=1m5s'), 65);
  assert.equal(timeInLink('https://youtu.be/x#t=7'), 7);
  assert.equal(timeInLink('https://youtu.be/x?t=soon'), null);
  assert.equal(timeInLink('no link'), null);
});

test('a link is found in what apps share', () => {
  assert.equal(firstLink('A film https://youtu.be/x?t=1 !'), 'https://youtu.be/x?t=1');
  assert.equal(firstLink('www.youtube.com/watch?v=x'), 'https://www.youtube.com/watch?v=x');
  assert.equal(firstLink('hello'), null);
});
