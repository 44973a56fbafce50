/**
 * Remembers over a reload what a tab has on the first view: the link, the range, and the clips that were made there.
 * Phones throw away pages that are not looked at, and load them again.
 */

const STORED = 'yt-downloader.first-view';

/** @typedef {{ url?: string, start?: number, end?: number, shown?: { start: number, end: number }, clips?: string[] }} Kept */

/** @returns {Kept} */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED) ?? '{}');
  } catch {
    return {};
  }
}

/** @param {Kept} changes */
export function keep(changes) {
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ ...kept(), ...changes }));
  } catch {
    // Without storage a reload starts over.
  }
}

/** Forget all of it: the next user of this browser is perhaps another one. */
export function forgetKept() {
  try {
    sessionStorage.removeItem(STORED);
  } catch {
    // As above.
  }
}
