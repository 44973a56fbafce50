/** Chooses a range by frame: the whole video above, a part of it below, and the frame that is meant on the screen. */

import { offers } from './api.js';
import { fill, h, icon } from './dom.js';
import { TimeLine } from './line.js';
import { Peaks, paintDetail, paintOverview } from './painting.js';
import { Previews } from './preview.js';
import { sentence } from './problems.js';
import { Screen } from './screen.js';
import { onKey, showKeys } from './shortcuts.js';
import { Storyboard } from './storyboard.js';
import { t } from './texts.js';
import { timeText } from './times.js';

/** @typedef {'start' | 'end'} Which */

const OVERVIEW_PIXELS = 84;
const DETAIL_PIXELS = 92;
const SETTLED_MILLISECONDS = 250;

/** Fires `create` when Enter is pressed. */
export class FrameChooser extends HTMLElement {
  /** @param {import('./selection.js').Selection} selection */
  show(selection) {
    this.selection = selection;
    this.position = selection.start;
    this.board = new Storyboard(selection.info, OVERVIEW_PIXELS);
    this.previews = offers('preview') ? new Previews(selection.url, selection.duration) : null;
    this.screen = new Screen(this.board, selection.duration);
    this.overview = new TimeLine(selection, {
      name: t('timeline.whole'),
      height: OVERVIEW_PIXELS,
      paint: (context, width, height) => paintOverview(context, /** @type {Storyboard} */ (this.board), selection, width, height),
      point: (seconds) => this.go(this.gridAt(seconds) ? seconds : roughly(seconds)),
      drag: (which, seconds) => this.snap(which, seconds),
      step: (which, way, large) => this.snap(which, selection.shown[which] + way * (large ? 10 : 1)),
    });
    this.board.addEventListener('load', () => this.overview?.paint());
    this.className = 'frame-chooser';
    this.tabIndex = 0;
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', t('timeline'));
    if (this.previews) this.withPreviews(this.previews);
    fill(this, [
      this.board.level || this.previews ? this.screen.element : null,
      this.previews ? this.buttons() : null,
      this.overview.element,
      this.detail?.element,
    ]);
    this.addEventListener('keydown', (event) => onKey(event, this));
    selection.addEventListener('change', (event) => this.changed(/** @type {CustomEvent} */ (event).detail));
    this.changed({ moved: 'start' });
  }

  /** @type {Which | null} the end of the range that is on the screen, if it is one */
  follows = null;

  /** @param {Previews} previews */
  withPreviews(previews) {
    const selection = /** @type {import('./selection.js').Selection} */ (this.selection);
    this.detail = new TimeLine(selection, {
      name: t('timeline.part'),
      height: DETAIL_PIXELS,
      paint: (context, width, height) => this.detail && paintDetail(context, this.detail, { part: previews.part, peaks: this.peaks }, width, height),
      point: (seconds) => this.go(this.gridAt(seconds) ? seconds : roughly(seconds)),
      drag: (which, seconds) => this.snap(which, seconds),
      step: (which, way, large) => this.stepHandle(which, way, large),
      say: (which) => t(`timeline.${which}-frame`, { time: timeText(this.frameTime(which)) }),
    });
    previews.addEventListener('part', () => void this.showPart());
    previews.addEventListener('busy', () => this.screen?.say(t('timeline.loading')));
    previews.addEventListener('problem', (event) => {
      const { code, message, failure } = /** @type {CustomEvent} */ (event).detail;
      this.screen?.say(sentence(failure?.code ?? code ?? 'UNKNOWN', failure?.message ?? message ?? ''));
    });
  }

  /** @type {Peaks | null} */
  peaks = null;

  async showPart() {
    const part = this.previews?.part;
    if (!part) return;
    this.screen?.say(part.grid.perStep > 1 ? t('timeline.coarse', { n: part.grid.perStep }) : '');
    this.screen?.use(part);
    this.placeLoose();
    this.place(this.follows ? this.frameTime(this.follows) : this.position ?? 0);
    this.detail?.span(Math.max(part.start, part.grid.at(0)), part.end);
    this.peaks = await Peaks.of(part.bytes);
    this.detail?.paint();
  }

  /** The frames around the position, if they are known. */
  get grid() {
    return this.previews?.part?.grid ?? null;
  }

  /** @param {number} seconds */
  gridAt(seconds) {
    return this.grid?.covers(seconds) ? this.grid : null;
  }

  /**
   * Return the time of the first or last frame that will be in the file.
   * @param {Which} which
   */
  frameTime(which) {
    const seconds = this.selection?.[which] ?? 0;
    const grid = this.gridAt(seconds);
    if (!grid) return which === 'end' ? Math.max(seconds - 0.04, 0) : seconds;
    return grid.at(which === 'start' ? grid.firstFrom(seconds) : grid.lastUntil(seconds));
  }

  /**
   * Show a moment without changing the range.
   * @param {number} seconds
   * @param {Which | null} [follows] the end of the range that it is
   */
  go(seconds, follows = null) {
    const latest = this.selection?.duration ?? 0;
    this.screen?.pause();
    this.follows = follows;
    this.place(Math.min(Math.max(seconds, 0), latest));
    this.settle();
  }

  /**
   * Show the frame of a time.
   * @param {number} time
   */
  place(time) {
    const grid = this.gridAt(time);
    const seconds = grid ? grid.at(grid.shownAt(time)) : time;
    this.position = seconds;
    for (const line of [this.overview, this.detail]) {
      if (!line) continue;
      line.position = seconds;
      line.update();
    }
    this.screen?.show(seconds, this.follows && grid ? `timeline.${this.follows}-frame` : '');
  }

  settle() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.selection && this.isConnected) this.previews?.follow(this.selection, this.position ?? 0);
    }, SETTLED_MILLISECONDS);
  }

  /** @param {{ moved: Which, by?: unknown }} detail */
  changed({ moved, by }) {
    if (by !== this) this.loose.clear(); // a time was typed or is one of a chapter
    this.go(this.frameTime(moved), moved);
  }

  /** Ends that were moved where the frames were not known yet. @type {Set<Which>} */
  loose = new Set();

  /** Move the ends of which the frames are known now to these; times that were typed stay. */
  placeLoose() {
    const { follows, position } = this;
    for (const which of [...this.loose]) {
      const seconds = this.selection?.[which] ?? 0;
      if (this.gridAt(seconds)) this.snap(which, seconds);
    }
    [this.follows, this.position] = [follows, position];
  }

  /** @param {Which} which @param {number} seconds */
  snap(which, seconds) {
    const grid = this.gridAt(seconds);
    if (!grid) {
      this.loose.add(which);
      this.selection?.move(which, roughly(seconds), this);
    } else this.setFrame(which, grid, which === 'start' ? grid.firstFrom(seconds) : grid.lastUntil(seconds));
  }

  /** @param {Which} which @param {import('./frames.js').FrameGrid} grid @param {number} frame */
  setFrame(which, grid, frame) {
    this.loose.delete(which);
    if (which === 'start') this.selection?.move(which, grid.startBound(frame), this, grid.at(frame));
    else this.selection?.move(which, grid.endBound(frame), this, grid.at(frame) + grid.gapAfter(frame) / grid.perStep);
  }

  /** @param {Which} which @param {number} way @param {boolean} large */
  stepHandle(which, way, large) {
    this.setTo(which, this.beside(this.frameTime(which), way, large));
  }

  /**
   * Return the time of the frame beside another one, or a second away from it.
   * @param {number} seconds
   * @param {number} way
   * @param {boolean} large
   */
  beside(seconds, way, large) {
    const grid = this.gridAt(seconds);
    if (!grid) return seconds + way * (large ? 1 : 0.04);
    const frame = grid.shownAt(seconds);
    if (!large) return frame + way < 0 || frame + way >= grid.count ? seconds + way * grid.usualGap : grid.at(frame + way);
    const there = seconds + way;
    return grid.covers(there) ? grid.at(grid.shownAt(there + grid.usualGap / 2)) : there;
  }

  /**
   * Make the frame of a time the first or last one of the file.
   * @param {Which} which
   * @param {number} seconds
   */
  setTo(which, seconds) {
    const grid = this.gridAt(seconds);
    if (grid) this.setFrame(which, grid, grid.shownAt(seconds));
    else this.snap(which, seconds);
  }

  /** @param {Which} which */
  setHere(which) {
    this.setTo(which, this.position ?? 0);
  }

  /** @param {number} way @param {boolean} large */
  step(way, large) {
    this.go(this.beside(this.position ?? 0, way, large));
  }

  toggle() {
    if (!this.selection || !this.screen) return;
    if (this.screen.playing) this.screen.pause();
    else void this.screen.play(this.selection.start, this.selection.end);
  }

  submit() {
    this.dispatchEvent(new Event('create'));
  }

  buttons() {
    const screen = /** @type {Screen} */ (this.screen);
    const play = h('button.primary.play', { on: { click: () => this.toggle() } });
    const loop = h('button.plain.loop', { 'aria-pressed': 'false', 'aria-label': t('timeline.loop'), title: t('timeline.loop'), on: { click: () => {
      screen.loop = !screen.loop;
      loop.setAttribute('aria-pressed', String(screen.loop));
    } } }, icon('loop'));
    const showState = () => fill(play, [icon(screen.playing ? 'pause' : 'play'), t(screen.playing ? 'timeline.pause' : 'timeline.play')]);
    screen.addEventListener('state', showState);
    screen.addEventListener('time', (event) => {
      for (const line of [this.overview, this.detail]) if (line) line.position = /** @type {CustomEvent} */ (event).detail;
      this.overview?.update();
      this.detail?.update();
    });
    showState();
    const step = (/** @type {number} */ way, /** @type {boolean} */ large, /** @type {string} */ key, /** @type {string} */ text) =>
      h('button.plain.step', { 'aria-label': `${text}: ${t(key)}`, title: t(key), on: { click: () => this.step(way, large) } }, text);
    return h('div.transport', {}, [
      h('button.plain.set', { on: { click: () => this.setHere('start') } }, [h('span.bracket', { 'aria-hidden': 'true' }, '['), t('timeline.set-start')]),
      h('div.steps', {}, [
        step(-1, true, 'timeline.second-back', '−1 s'), step(-1, false, 'timeline.frame-back', '−1'), play,
        step(1, false, 'timeline.frame-on', '+1'), step(1, true, 'timeline.second-on', '+1 s'),
      ]),
      h('button.plain.set', { on: { click: () => this.setHere('end') } }, [t('timeline.set-end'), h('span.bracket', { 'aria-hidden': 'true' }, ']')]),
      h('div.extras', {}, [loop, h('button.plain.keys', { 'aria-label': t('keys'), title: t('keys'), on: { click: () => showKeys() } }, icon('keys'))]),
    ]);
  }

  /** The video was replaced: forget its previews. */
  close() {
    this.previews?.close();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.screen?.pause();
  }
}
customElements.define('frame-chooser', FrameChooser);

/**
 * Return a time as precise as a hand is where the frames are not known.
 * @param {number} seconds
 */
function roughly(seconds) {
  return Math.round(seconds * 10) / 10;
}
