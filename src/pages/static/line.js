/** A line of time with two handles, of which there are two on the page: of the whole video, and of a part of it. */

import { h } from './dom.js';
import { t } from './texts.js';
import { timeText } from './times.js';

/** @typedef {'start' | 'end'} Which */
/**
 * @typedef {object} Rules how a line behaves
 * @property {string} name
 * @property {number} height in pixels
 * @property {(context: CanvasRenderingContext2D, width: number, height: number) => void} paint
 * @property {(seconds: number) => void} point somewhere outside the handles was pressed
 * @property {(which: Which, seconds: number) => void} drag
 * @property {(which: Which, steps: number, large: boolean) => void} step by a key
 * @property {(which: Which) => string} [say] what a handle stands at, for screen readers
 */

export class TimeLine {
  /**
   * @param {import('./selection.js').Selection} selection
   * @param {Rules} rules
   */
  constructor(selection, rules) {
    this.selection = selection;
    this.rules = rules;
    this.from = 0;
    this.to = Math.max(selection.duration, 1);
    this.position = 0;
    this.canvas = /** @type {HTMLCanvasElement} */ (h('canvas', { 'aria-hidden': 'true' }));
    this.shades = [h('div.shade'), h('div.shade')];
    this.head = h('div.head');
    this.range = h('div.selected');
    this.handles = { start: this.handle('start'), end: this.handle('end') };
    this.track = h('div.track', { on: { pointerdown: (/** @type {PointerEvent} */ event) => this.pressed(event) } }, [
      this.canvas, ...this.shades, this.range, this.head, this.handles.start, this.handles.end,
    ]);
    this.track.style.setProperty('height', `${rules.height}px`);
    this.element = h('div.line', { role: 'group', 'aria-label': rules.name }, this.track);
    new ResizeObserver(() => this.update(true)).observe(this.track);
  }

  /** @param {Which} which */
  handle(which) {
    return h('div.handle', {
      role: 'slider',
      tabindex: 0,
      data: { which },
      'aria-label': `${t(`range.${which}`)} (${this.rules.name})`,
      'aria-orientation': 'horizontal',
      on: {
        keydown: (/** @type {KeyboardEvent} */ event) => this.keyed(event, which),
        pointerdown: (/** @type {PointerEvent} */ event) => this.grab(event, which),
      },
    });
  }

  /** @param {number} from @param {number} to */
  span(from, to) {
    this.from = from;
    this.to = Math.max(to, from + 0.001);
    this.update(true);
  }

  /** @param {number} seconds */
  share(seconds) {
    return (seconds - this.from) / (this.to - this.from);
  }

  /** @param {number} clientX */
  secondsAt(clientX) {
    const box = this.track.getBoundingClientRect();
    const share = Math.min(Math.max((clientX - box.left) / box.width, 0), 1);
    return this.from + share * (this.to - this.from);
  }

  /** @param {boolean} [paint] */
  update(paint = false) {
    const { start, end } = this.selection;
    const place = (/** @type {number} */ seconds) => Math.min(Math.max(this.share(seconds), 0), 1) * 100;
    const [left, right] = [place(start), place(end)];
    this.shades[0].style.setProperty('width', `${left}%`);
    this.shades[1].style.setProperty('width', `${100 - right}%`);
    this.range.style.setProperty('left', `${left}%`);
    this.range.style.setProperty('right', `${100 - right}%`);
    this.head.style.setProperty('left', `${place(this.position)}%`);
    this.head.hidden = this.share(this.position) < 0 || this.share(this.position) > 1;
    for (const which of /** @type {Which[]} */ (['start', 'end'])) {
      const handle = this.handles[which];
      const seconds = this.selection[which];
      handle.style.setProperty('left', `${place(seconds)}%`);
      handle.classList.toggle('outside', this.share(seconds) < -0.001 || this.share(seconds) > 1.001);
      handle.setAttribute('aria-valuemin', String(Math.min(this.from, seconds)));
      handle.setAttribute('aria-valuemax', String(Math.max(this.to, seconds)));
      handle.setAttribute('aria-valuenow', String(Math.round(seconds * 1000) / 1000));
      handle.setAttribute('aria-valuetext', this.rules.say?.(which) ?? timeText(seconds));
    }
    if (paint) this.paint();
  }

  paint() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [this.track.clientWidth, this.track.clientHeight];
    if (!width) return;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
    context.scale(ratio, ratio);
    this.rules.paint(context, width, height);
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    if (event.button) return;
    event.preventDefault();
    this.follow(event, (seconds) => this.rules.point(seconds));
  }

  /** @param {PointerEvent} event @param {Which} which */
  grab(event, which) {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    this.handles[which].focus();
    // The handle stays under the finger where it was gripped.
    const offset = this.selection[which] - this.secondsAt(event.clientX);
    this.follow(event, (seconds, moved) => moved && this.rules.drag(which, seconds + offset));
  }

  /**
   * @param {PointerEvent} event
   * @param {(seconds: number, moved: boolean) => void} act
   */
  follow(event, act) {
    this.track.setPointerCapture(event.pointerId);
    const from = event.clientX;
    act(this.secondsAt(event.clientX), false);
    const move = (/** @type {PointerEvent} */ next) => {
      if (Math.abs(next.clientX - from) > 1) act(this.secondsAt(next.clientX), true);
    };
    const end = () => {
      this.track.removeEventListener('pointermove', move);
      for (const type of ['pointerup', 'pointercancel']) this.track.removeEventListener(type, end);
    };
    this.track.addEventListener('pointermove', move);
    for (const type of ['pointerup', 'pointercancel']) this.track.addEventListener(type, end);
  }

  /** @param {KeyboardEvent} event @param {Which} which */
  keyed(event, which) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
    const ends = { Home: this.from, End: this.to }[event.key];
    if (steps === undefined && ends === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (ends !== undefined) this.rules.drag(which, ends);
    else if (steps) this.rules.step(which, Math.sign(steps), event.shiftKey || Math.abs(steps) > 1);
  }
}
