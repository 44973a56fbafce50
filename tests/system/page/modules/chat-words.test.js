import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aroundCommand, namesOneVideo, spoken } from '../../../../src/pages/static/chat-words.js';

test('lengths are written as in the answers of the service', () => {
  const written = [45, 90, 99, 100, 120, 605, 10800].map(spoken);
  assert.deepEqual(written, ['45 s', '90 s', '99 s', '1 min 40 s', '2 min', '10 min', '3 h']);
  assert.deepEqual(aroundCommand(60, 90), { before: 60, after: 30 });
  assert.deepEqual(aroundCommand(60, 20), { before: 20, after: 0 });
});

test('a name of one video is told from that of a channel', () => {
  for (const one of ['ladder_____', ' https://www.youtube.com/watch?v=ladder_____', 'youtu.be/ladder_____', 'https://m.youtube.com/live/ladder_____']) {
    assert.ok(namesOneVideo(one), one);
  }
  for (const channel of ['@offlinefilms', 'UC0123456789012345678901', 'https://www.youtube.com/@offlinefilms', 'youtube.com/channel/UC0123456789012345678901', 'https://www.youtube.com/@offlinefilms/live', '']) {
    assert.ok(!namesOneVideo(channel), channel);
  }
});
