/** The chosen range, as handles and typed times change it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Selection } from '../../../../src/pages/static/selection.js';

if (!('CustomEvent' in globalThis)) {
  // Node 18 has events without details only.
  Object.assign(globalThis, {
    CustomEvent: class extends Event {
      /** @param {string} type @param {{ detail?: unknown }} [options] */
      constructor(type, options) {
        super(type);
        this.detail = options?.detail ?? null;
      }
    },
  });
}

const film = (/** @type {number} */ start, /** @type {number} */ end) => {
  const info = /** @type {any} */ ({ duration: 20, start_time: null });
  const selection = new Selection('https://youtu.be/x', info, 600);
  selection.set(start, end);
  return selection;
};

test('a typed time moves nothing else that was typed', () => {
  const selection = film(5, 10);
  selection.type('end', 2);
  assert.deepEqual([selection.start, selection.end, selection.problem], [5, 2, 'range.empty']);
  selection.type('end', 8);
  assert.deepEqual([selection.start, selection.end, selection.problem], [5, 8, '']);
  selection.type('start', 9);
  assert.deepEqual([selection.start, selection.end, selection.problem], [9, 8, 'range.empty']);
});

test('an end that nobody typed goes with a later start', () => {
  const selection = film(0, 4);
  selection.type('start', 9);
  assert.deepEqual([selection.start, selection.end], [9, 13]);
});

test('a time that the video does not have is refused', () => {
  const selection = film(0, 4);
  assert.equal(selection.fault('end', 20), '');
  assert.equal(selection.fault('end', 99), 'time.beyond');
  assert.equal(selection.fault('start', 20), 'time.beyond');
});

test('what is shown is the time of a frame, until another time is chosen', () => {
  const selection = film(0, 4);
  selection.move('start', 3.98, null, 4);
  assert.deepEqual([selection.start, selection.shown.start], [3.98, 4]);
  assert.equal(selection.shown.end, selection.end, 'the end that gave way');
  selection.move('end', 9.98, null, 10);
  assert.deepEqual(selection.shown, { start: 4, end: 10 });
  selection.type('start', 3);
  assert.deepEqual(selection.shown, { start: 3, end: 10 });
});
