/** Shows one frame of the video: of the preview where it is here, otherwise the nearest still picture. */

import { h } from './dom.js';
import { t } from './texts.js';
import { timeText } from './times.js';

/** Fires `time` with the seconds of the frame that is shown while it plays, and `state` when it starts or stops. */
export class Screen extends EventTarget {
  /** @param {import('./storyboard.js').Storyboard} board @param {number} duration */
  constructor(board, duration) {
    super();
    this.board = board;
    this.duration = duration;
    /** @type {import('./preview.js').Part | null} */
    this.part = null;
    this.seconds = 0;
    this.key = '';
    /** @type {{ from: number, to: number } | null} what is being played */
    this.playing = null;
    this.loop = false;
    this.video = /** @type {HTMLVideoElement} */ (
      h('video', { playsinline: true, preload: 'auto', tabindex: '-1', 'aria-hidden': 'true', on: {
        ended: () => this.reached(), loadeddata: () => this.show(this.seconds, this.key), seeked: () => this.confirm(this.video.currentTime),
      } })
    );
    this.still = /** @type {HTMLCanvasElement} */ (h('canvas', { 'aria-hidden': 'true', width: 640, height: 360 }));
    this.badge = h('span.badge', { 'aria-hidden': 'true' });
    this.note = h('span.badge.busy-note', { hidden: true });
    this.element = h('div.screen', {}, [this.still, this.video, this.badge, this.note]);
    board.addEventListener('load', () => this.drawStill());
  }

  /** @param {import('./preview.js').Part | null} part */
  use(part) {
    this.pause();
    this.part = part;
    if (part) this.video.src = part.url;
    this.element.classList.toggle('ready', false);
  }

  /** @param {string} text */
  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  /**
   * Show the frame of a time.
   * @param {number} seconds
   * @param {string} [key] of a text that says which frame of the file it is
   */
  show(seconds, key = '') {
    this.seconds = seconds;
    this.key = key;
    const time = timeText(seconds);
    this.badge.textContent = key ? t(key, { time }) : time;
    if (this.part?.grid.covers(seconds)) {
      const { grid, start } = this.part;
      this.video.currentTime = Math.max(grid.middle(grid.shownAt(seconds)) - start, 0);
      if (typeof this.video.requestVideoFrameCallback === 'function') {
        this.video.requestVideoFrameCallback((_now, frame) => this.confirm(frame.mediaTime));
      }
    } else {
      this.element.classList.remove('ready');
      this.drawStill();
    }
  }

  /** @param {number} mediaTime of the frame that is on the screen */
  confirm(mediaTime) {
    if (!this.part || this.video.readyState < 2) return;
    const { grid, start } = this.part;
    this.element.classList.add('ready');
    this.element.dataset.shown = String(Math.round(grid.at(grid.shownAt(mediaTime + start)) * 1e6) / 1e6);
    if (this.playing) this.advance(mediaTime + start);
  }

  drawStill() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.still.getContext('2d'));
    const height = Math.round(this.still.width / this.board.shape);
    if (this.still.height !== height) this.still.height = height;
    if (!this.element.classList.contains('ready')) this.board.draw(context, this.seconds, 0, 0, this.still.width, height);
  }

  /**
   * Play a range as far as it is here.
   * @param {number} from
   * @param {number} to
   */
  async play(from, to) {
    if (!this.part) return;
    const { grid, start } = this.part;
    const first = Math.max(from, grid.at(0));
    this.playing = { from: first, to: Math.min(to, grid.at(grid.count - 1) + grid.usualGap) };
    this.video.currentTime = Math.max(grid.middle(grid.firstFrom(first)) - start, 0);
    this.dispatchEvent(new Event('state'));
    try {
      await this.video.play();
      this.watch();
    } catch {
      this.pause();
    }
  }

  watch() {
    if (!this.playing || this.video.paused) return;
    if (typeof this.video.requestVideoFrameCallback === 'function') {
      this.video.requestVideoFrameCallback((_now, frame) => {
        this.confirm(frame.mediaTime);
        this.watch();
      });
    } else {
      requestAnimationFrame(() => {
        this.confirm(this.video.currentTime);
        this.watch();
      });
    }
  }

  /** @param {number} seconds */
  advance(seconds) {
    if (!this.playing || !this.part || this.video.paused) return;
    const { grid } = this.part;
    // The frame after this one would be outside.
    if (seconds + grid.usualGap >= this.playing.to - 1e-5) this.reached();
    this.badge.textContent = timeText(grid.at(grid.shownAt(seconds)));
    this.dispatchEvent(new CustomEvent('time', { detail: seconds }));
  }

  reached() {
    if (!this.playing || !this.part) return;
    const { from } = this.playing;
    if (this.loop) {
      this.video.currentTime = Math.max(this.part.grid.middle(this.part.grid.firstFrom(from)) - this.part.start, 0);
      if (this.video.paused) void this.video.play();
    } else this.pause();
  }

  pause() {
    this.video.pause();
    if (!this.playing) return;
    this.playing = null;
    this.dispatchEvent(new Event('state'));
  }

  /** What screen readers are told about the frame. */
  get words() {
    return t('timeline.shows', { time: timeText(this.seconds) });
  }
}
