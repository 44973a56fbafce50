/** The times that mean a frame. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FrameGrid } from '../../../../src/pages/static/frames.js';

const film = (/** @type {number} */ count, /** @type {[number, number]} */ step, first = 0) =>
  new FrameGrid(Array.from({ length: count }, (_, frame) => (first + frame) * step[0]), [1, step[1]]);

for (const [name, step] of /** @type {[string, [number, number]][]} */ ([['24000/1001', [1001, 24000]], ['25', [512, 12800]], ['60', [1500, 90000]]])) {
  test(`every frame at ${name} per second is meant by its bounds`, () => {
    const grid = film(200, step, 1000);
    for (let frame = 0; frame < grid.count; frame += 1) {
      assert.equal(grid.firstFrom(Math.round(grid.startBound(frame) * 1e6) / 1e6), frame);
      assert.equal(grid.lastUntil(Math.round(grid.endBound(frame) * 1e6) / 1e6), frame);
      assert.equal(grid.shownAt(grid.middle(frame)), frame);
      assert.ok(Math.abs(grid.startBound(frame) - grid.at(frame)) > grid.usualGap / 3, 'no time of a frame is sent');
    }
  });
}

test('frames of different lengths are told apart', () => {
  const grid = new FrameGrid([0, 30, 90, 100, 400], [1, 1000]);
  for (let frame = 0; frame < grid.count; frame += 1) {
    assert.equal(grid.firstFrom(grid.startBound(frame)), frame);
    assert.equal(grid.lastUntil(grid.endBound(frame)), frame);
  }
});

test('where a step is two frames, the first and the last one are those on the screen', () => {
  const grid = new FrameGrid([0, 2, 4, 6], [1, 60], 2);
  assert.ok(grid.startBound(2) > 3 / 60 && grid.startBound(2) < 4 / 60);
  assert.ok(grid.endBound(2) > 4 / 60 && grid.endBound(2) < 5 / 60);
});
