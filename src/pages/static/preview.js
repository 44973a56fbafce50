/** Asks the service for previews: small exact copies of a part of a video, with the times of all their frames. */

import { call } from './api.js';
import { FrameGrid } from './frames.js';

const ASK_MILLISECONDS = 250;
const MOST_SECONDS = 60;
const USUAL_SECONDS = 30;
const REMEMBERED = 6;

/** @typedef {{ start: number, end: number, grid: FrameGrid, url: string, bytes: ArrayBuffer, until: number }} Part */

const LIFE_MILLISECONDS = 9 * 60_000; // the service retains a preview for ten minutes

/** Fires `part` when another part can be shown, `busy` while one is fetched, and `problem` with an error. */
export class Previews extends EventTarget {
  /** @param {string} url @param {number} duration */
  constructor(url, duration) {
    super();
    this.url = url;
    this.duration = duration;
    /** @type {Part[]} */
    this.parts = [];
    /** @type {Part | null} */
    this.part = null;
    /** @type {AbortController | null} */
    this.current = null;
    this.wanted = { from: 0, to: 0 };
  }

  /**
   * Return the part around a time that should be shown: the whole range where it fits.
   * @param {{ start: number, end: number }} range
   * @param {number} at
   */
  window(range, at) {
    const length = range.end - range.start;
    const fits = length <= MOST_SECONDS - 4 && at >= range.start - 1 && at <= range.end + 1;
    const seconds = fits ? Math.min(Math.max(length + 4, USUAL_SECONDS), MOST_SECONDS) : USUAL_SECONDS;
    const middle = fits ? (range.start + range.end) / 2 : at;
    const latest = Math.max(this.duration - seconds, 0);
    const from = Math.min(Math.max(middle - seconds / 2, 0), latest);
    return { from, to: Math.min(from + seconds, this.duration) };
  }

  /**
   * Show the part around a time, fetched if it is not here.
   * @param {{ start: number, end: number }} range
   * @param {number} at
   */
  follow(range, at) {
    const { from, to } = this.window(range, at);
    const needs = this.duration ? Math.min(this.duration, to) : to;
    const known = this.parts.find((each) => each.until > Date.now() && each.start <= from + 0.5 && each.end >= needs - 0.5);
    if (known) this.use(known);
    else if (Math.abs(from - this.wanted.from) > 0.5 || Math.abs(to - this.wanted.to) > 0.5 || !this.current) void this.fetch(from, to);
  }

  /** @param {Part} part */
  use(part) {
    this.current?.abort();
    this.current = null;
    if (this.part === part) return;
    this.part = part;
    this.dispatchEvent(new Event('part'));
  }

  /** @param {number} from @param {number} to */
  async fetch(from, to) {
    this.current?.abort();
    const mine = new AbortController();
    this.current = mine;
    this.wanted = { from, to };
    this.dispatchEvent(new CustomEvent('busy', { detail: 0 }));
    try {
      const at = Math.round(((from + to) / 2) * 1000) / 1000;
      const asked = { url: this.url, at, seconds: Math.max(Math.ceil(to - from), 1) };
      const { preview_id: id } = await call('POST', 'api/video/preview', asked, mine.signal);
      const status = await this.finished(id, mine.signal);
      const reply = await fetch(status.file_url, { signal: mine.signal });
      const bytes = await reply.arrayBuffer();
      const grid = new FrameGrid(status.frames.times, status.frames.time_base, status.frames_per_step ?? 1);
      const url = URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' }));
      const part = { start: status.start, end: status.end, grid, url, bytes, until: Date.now() + LIFE_MILLISECONDS };
      this.remember(part);
      this.use(part);
    } catch (error) {
      if (mine.signal.aborted) return;
      this.current = null;
      this.dispatchEvent(new CustomEvent('problem', { detail: error }));
    }
  }

  /** @param {string} id @param {AbortSignal} signal */
  async finished(id, signal) {
    for (;;) {
      const status = await call('GET', `api/video/preview/${id}`, undefined, signal);
      if (status.status === 'completed' && status.file_url) return status;
      if (status.status === 'failed' || status.status === 'cancelled') throw Object.assign(new Error(), { failure: status.error });
      this.dispatchEvent(new CustomEvent('busy', { detail: status.percent }));
      await new Promise((done) => setTimeout(done, ASK_MILLISECONDS));
      signal.throwIfAborted();
    }
  }

  /** @param {Part} part */
  remember(part) {
    this.parts.unshift(part);
    for (const old of this.parts.splice(REMEMBERED)) URL.revokeObjectURL(old.url);
  }

  close() {
    this.current?.abort();
    for (const each of this.parts) URL.revokeObjectURL(each.url);
  }
}
