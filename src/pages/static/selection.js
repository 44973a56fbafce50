/** The video that was looked up and the range that is being chosen; everything on the page follows it. */

/**
 * @typedef {object} Chapter
 * @property {string} title
 * @property {number} start_time
 * @property {number} end_time
 */
/**
 * @typedef {object} Level a storyboard in one size
 * @property {number} level
 * @property {number} width
 * @property {number} height
 * @property {number} rows
 * @property {number} columns
 * @property {number} sheets
 * @property {number} interval_seconds
 */
/**
 * @typedef {object} Info what the service says about a link
 * @property {string} video_id
 * @property {string | null} title
 * @property {string | null} author
 * @property {number | null} duration
 * @property {string | null} live_status
 * @property {Chapter[]} chapters
 * @property {string[]} resolutions
 * @property {number | null} start_time
 * @property {{ levels: Level[] } | null} storyboard
 */

const DEFAULT_SECONDS = 30;
const LEAST_SECONDS = 0.001;

/** @typedef {'start' | 'end'} Which */

/** Fires `change` with `detail`: who changed it, and which handle moved. */
export class Selection extends EventTarget {
  /**
   * @param {string} url
   * @param {Info} info
   * @param {number} longest seconds
   */
  constructor(url, info, longest) {
    super();
    this.url = url;
    this.info = info;
    this.duration = info.duration ?? 0;
    this.longest = longest;
    const latest = this.duration ? Math.max(this.duration - 1, 0) : Infinity;
    const start = Math.min(info.start_time ?? 0, latest);
    this.start = start;
    this.end = this.duration ? Math.min(start + DEFAULT_SECONDS, this.duration) : start + DEFAULT_SECONDS;
    /** What is shown of both ends: the time of a frame, where the end itself lies between two frames. */
    this.shown = { start: this.start, end: this.end };
    /** @type {'start' | 'end'} the handle that was moved last */
    this.moved = 'start';
    this.endTyped = false;
  }

  get length() {
    return this.end - this.start;
  }

  get live() {
    return this.info.live_status === 'is_live' || this.info.live_status === 'live';
  }

  /**
   * Move one end; the other one gives way when they would cross.
   * @param {'start' | 'end'} which
   * @param {number} seconds
   * @param {unknown} [by]
   * @param {number} [shown] the time of the frame that is meant
   */
  move(which, seconds, by, shown) {
    const most = this.duration || Infinity;
    const wanted = Math.min(Math.max(seconds, 0), most);
    const length = Math.min(Math.max(this.length, LEAST_SECONDS), this.longest);
    const before = { start: this.start, end: this.end };
    if (which === 'start') {
      this.start = Math.min(wanted, most - LEAST_SECONDS);
      if (this.end <= this.start) this.end = Math.min(this.start + length, most);
    } else {
      this.end = Math.max(wanted, LEAST_SECONDS);
      if (this.end <= this.start) this.start = Math.max(this.end - length, 0);
    }
    for (const each of /** @type {Which[]} */ (['start', 'end'])) {
      if (each === which || this[each] !== before[each]) this.shown[each] = this[each];
    }
    if (shown !== undefined) this.shown[which] = shown;
    if (this.end !== before.end) this.endTyped = false;
    this.moved = which;
    this.tell(by);
  }

  /**
   * Take over a time that was typed: it is not changed, nor is the other one if that was typed too.
   * @param {Which} which
   * @param {number} seconds
   */
  type(which, seconds) {
    const follows = which === 'start' && seconds >= this.end && !this.endTyped;
    if (follows) return this.move(which, seconds);
    this[which] = seconds;
    this.shown[which] = seconds;
    this.endTyped ||= which === 'end';
    this.moved = which;
    return this.tell();
  }

  /**
   * Return why the video has no such time, as the key of a text, or an empty text.
   * @param {Which} which
   * @param {number} seconds
   */
  fault(which, seconds) {
    if (!this.duration) return '';
    return seconds > this.duration || (which === 'start' && seconds === this.duration) ? 'time.beyond' : '';
  }

  /**
   * @param {number} start
   * @param {number} end
   * @param {{ start: number, end: number }} [shown]
   */
  set(start, end, shown = { start, end }) {
    this.start = start;
    this.end = end;
    this.shown = { ...shown };
    this.endTyped = false;
    this.moved = 'start';
    this.tell();
  }

  /** @param {unknown} [by] */
  tell(by) {
    this.dispatchEvent(new CustomEvent('change', { detail: { by, moved: this.moved } }));
  }

  /** Return what keeps this range from being cut, as the key of a text, or an empty text. */
  get problem() {
    if (this.length <= 0) return 'range.empty';
    if (this.length > this.longest + 1e-6) return 'range.long';
    return '';
  }
}
