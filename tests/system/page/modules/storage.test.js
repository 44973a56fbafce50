/** What earlier visits left in the browser, and what others have made of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

const UPLOADS = 'yt-downloader.uploads';
const FIRST_VIEW = 'yt-downloader.first-view';
delete globalThis.BroadcastChannel; // an open one would keep the process of this test from ending
/** @type {Map<string, string>} */
const stored = new Map();
const area = { getItem: (/** @type {string} */ name) => stored.get(name) ?? null };
Object.assign(globalThis, { document: new EventTarget(), addEventListener: () => undefined, HTMLElement: class {}, customElements: { define: () => undefined } });
for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(globalThis, name, { value: area, configurable: true });

const { unfinished } = await import('../../../../src/pages/static/tus.js');
const { kept } = await import('../../../../src/pages/static/kept.js');

const SPOILED = ['', '{', 'null', '7', '"text"', '{}', '[null, 1, "x", {}, {"id": 1}, {"id": "a/b", "name": "x"}]'];

for (const text of SPOILED) {
  test(`no upload is read from ${text || 'nothing'}`, () => {
    stored.set(UPLOADS, text);
    assert.deepEqual(unfinished(), []);
  });
}

test('an upload is read also next to what is none', () => {
  const upload = { id: 'a1', name: 'a.mp4', size: 1, changed: 2 };
  stored.set(UPLOADS, JSON.stringify([null, upload]));
  assert.deepEqual(unfinished(), [upload]);
});

for (const text of ['{', 'null', '7', '{"url": 1}', '{"start": "1"}', '{"clips": "x"}', '{"clips": [1]}', '{"start": 1, "end": 2, "shown": {}}', '{"shown": null}']) {
  test(`the first view does not begin with ${text}`, () => {
    stored.set(FIRST_VIEW, text);
    assert.deepEqual(kept(), {});
  });
}

test('the first view begins as it was left', () => {
  const left = { url: 'https://youtu.be/x', start: 1, end: 2, shown: { start: 1, end: 2 }, clips: ['1'] };
  stored.set(FIRST_VIEW, JSON.stringify(left));
  assert.deepEqual(kept(), left);
});
