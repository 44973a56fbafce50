/**
 * Remembers over a reload what a tab has on the first view: the link, the range, and the clips that were made there.
 * Phones throw away pages that are not looked at, and load them again.
 */

import { forgetStored, store, storedJson } from './storage.js';

const STORED = 'first-view';
const AREA = 'sessionStorage';

/** @typedef {{ url?: string, start?: number, end?: number, shown?: { start: number, end: number }, clips?: string[] }} Kept */

/** @returns {Kept} */
export function kept() {
  const found = storedJson(STORED, AREA);
  return isKept(found) ? found : {};
}

/**
 * @param {any} found
 * @returns {found is Kept}
 */
function isKept(found) {
  if (typeof found !== 'object' || found === null) return false;
  const { url = '', start = 0, end = 0, shown = { start, end }, clips = [] } = found;
  const times = [start, end, shown?.start, shown?.end];
  return typeof url === 'string' && times.every(Number.isFinite) && Array.isArray(clips) && clips.every((each) => typeof each === 'string');
}

/** @param {Kept} changes */
export function keep(changes) {
  store(STORED, JSON.stringify({ ...kept(), ...changes }), AREA);
}

/** Forget all of it: the next user of this browser is perhaps another one. */
export function forgetKept() {
  forgetStored(STORED, AREA);
}
