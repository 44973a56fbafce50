/** Shows a video that was looked up and lets its range, resolution and container be chosen. */

import { loaded } from './api.js';
import { fill, h, icon, newId } from './dom.js';
import { liveButtons } from './live.js';
import { noticeOf } from './problems.js';
import { timeField } from './time-field.js';
import { t } from './texts.js';
import { timeText } from './times.js';

const HIGHEST_COPIED = 1080;
const CONTAINERS = ['mp4', 'webm', 'best'];

/** @typedef {{ start: number, end: number, shown: { start: number, end: number } }} Range with what is shown of its ends */

/** Fires `create` with `detail` `{resolution, container, ranges}`. */
export class ClipChooser extends HTMLElement {
  /** @type {import('./selection.js').Selection | null} */
  selection = null;
  busy = false;
  /** @type {HTMLSelectElement | undefined} */
  resolution;
  /** @type {HTMLSelectElement | undefined} */
  container;

  /** @param {import('./selection.js').Selection} selection */
  show(selection) {
    this.selection = selection;
    const { info } = selection;
    this.start = this.timeField('start', selection);
    this.end = this.timeField('end', selection);
    this.length = h('output.length');
    this.problem = h('p.bad', { role: 'alert' });
    this.summary = h('p.quiet.summary', { 'aria-hidden': 'true' }); // of the fields above, which a small window does not show
    this.create = h('button.primary.large', { on: { click: () => this.pressed(), mousedown: stay } }, t('create'));
    const resolution = choice(t('choice.resolution'), resolutionsOf(info.resolutions));
    const container = choice(t('choice.container'), CONTAINERS.map((each) => [each, t(`container.${each}`)]));
    [this.resolution, this.container] = [resolution.select, container.select];
    this.resolution.addEventListener('change', () => this.suggestContainer());
    this.container.addEventListener('change', () => {
      this.containerChosen = true;
      this.showHint();
    });
    const title = info.title || t('video.untitled');
    fill(
      this,
      h('section.card.chooser', { 'aria-label': title }, [
        h('header', {}, [h('h2', {}, title), h('p.quiet', {}, factsOf(info))]),
        (this.stage = h('div.stage')),
        selection.live ? liveButtons((seconds) => this.saveMoment(seconds)) : null,
        info.chapters.length ? this.chapters() : null,
        selection.live ? null : h('div.range', {}, [this.start.element, this.end.element, h('div.field', {}, [h('span.label', {}, t('range.length')), this.length])]),
        selection.live ? null : (this.collected = h('div.collected', { role: 'group', 'aria-label': t('ranges') })),
        selection.live ? null : h('div.choices', {}, [resolution.element, container.element]),
        selection.live ? null : (this.hint = h('p.quiet.small.slow-hint')),
        selection.live ? null : h('div.finish', {}, [this.problem, this.summary, this.create]),
      ]),
    );
    selection.addEventListener('change', () => this.update());
    this.suggestContainer();
    this.update();
    if (selection.duration) void this.showTimeline(selection);
  }

  /** @param {'start' | 'end'} which @param {import('./selection.js').Selection} selection */
  timeField(which, selection) {
    const fault = (/** @type {number} */ seconds) => {
      const key = selection.fault(which, seconds);
      return key ? t(key, { end: timeText(selection.duration) }) : '';
    };
    return timeField(t(`range.${which}`), (seconds) => selection.type(which, seconds), fault);
  }

  /** @param {import('./selection.js').Selection} selection */
  async showTimeline(selection) {
    const hash = `#${new URLSearchParams({ url: selection.url })}`;
    const found = await loaded('frame-chooser.js', () => import('./frame-chooser.js'), hash).catch((error) => ({ error }));
    if (this.selection !== selection || !this.stage) return;
    if ('error' in found) {
      const again = h('button.plain', { on: { click: () => this.showTimeline(selection) } }, t('retry'));
      fill(this.stage, noticeOf(found.error, h('div.actions', {}, again)));
      return;
    }
    const timeline = new found.FrameChooser();
    this.timeline = timeline;
    fill(this.stage, timeline);
    timeline.show(selection);
    timeline.addEventListener('create', () => this.submit());
  }

  /** Another video takes the place of this one. */
  close() {
    this.selection = null;
    this.timeline?.close();
  }

  containerChosen = false;

  /** MP4 up to 1080p, where the site's streams are copied; above that, it would have to be encoded whole. */
  suggestContainer() {
    if (!this.containerChosen && this.container) this.container.value = this.lines > HIGHEST_COPIED ? 'best' : 'mp4';
    this.showHint();
  }

  /** How high the picture of the clip will be, in pixels. */
  get lines() {
    const value = this.resolution?.value ?? '';
    return parseInt(value === 'best' ? this.selection?.info.resolutions[0] ?? '' : value, 10) || 0;
  }

  /** Say what the chosen type of file means for the reader, where it is not the usual one. */
  showHint() {
    if (!this.hint) return;
    const type = this.container?.value;
    if (type === 'mp4' && this.lines > HIGHEST_COPIED) this.hint.textContent = t('choice.slow');
    else this.hint.textContent = type === 'mp4' ? '' : t('choice.newer');
  }

  update() {
    if (!this.selection) return;
    const { start, end, shown, problem, longest } = this.selection;
    const length = timeText(Math.max(shown.end - shown.start, 0));
    const isEmpty = problem === 'range.empty';
    this.start?.show(shown.start);
    this.end?.show(shown.end, isEmpty ? t(problem) : '');
    if (this.length) this.length.textContent = length;
    if (this.problem) this.problem.textContent = problem && !isEmpty ? t(problem, { longest: timeText(longest) }) : '';
    if (this.summary) this.summary.textContent = problem ? '' : `${rangeText(shown)} (${length})`;
    this.create.disabled = this.busy; // what keeps the range from being cut is said when it is pressed
    const n = this.wanted().length;
    this.create.textContent = this.busy ? t('create.busy') : n > 1 ? t('create.several', { n }) : t('create');
    this.showRanges();
    for (const chip of this.querySelectorAll('.chapters button')) {
      const [from, to] = [Number(chip.getAttribute('data-start')), Number(chip.getAttribute('data-end'))];
      chip.setAttribute('aria-pressed', String(Math.abs(from - start) < 1e-6 && Math.abs(to - end) < 1e-6));
    }
  }

  /** Ranges that were put aside, to be created together. @type {Range[]} */
  ranges = [];

  /** Return the collected ranges and the one that is chosen now. */
  wanted() {
    const { start, end, shown } = /** @type {import('./selection.js').Selection} */ (this.selection);
    const others = this.ranges.filter((each) => each.start !== start || each.end !== end);
    return [...others, { start, end, shown: { ...shown } }];
  }

  /** @param {{ start: number, end: number }} range that need not be created any more */
  drop({ start, end }) {
    this.ranges = this.ranges.filter((each) => each.start !== start || each.end !== end);
    this.update();
  }

  showRanges() {
    if (!this.collected) return;
    const chips = this.ranges.map((range) => {
      const text = rangeText(range.shown);
      const remove = () => {
        this.drop(range);
        this.start?.input.focus();
      };
      return h('button.chip', { 'aria-label': `${text}: ${t('ranges.remove')}`, on: { click: remove } }, [text, icon('close')]);
    });
    const add = () => {
      if (!this.isReady()) return;
      this.ranges = this.wanted();
      this.update();
      this.start?.input.focus();
    };
    const known = this.ranges.length === this.wanted().length;
    fill(this.collected, [chips, h('button.chip', { disabled: known || Boolean(this.selection?.problem), on: { click: add } }, [icon('plus'), t('ranges.add')])]);
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.busy = busy;
    this.update();
  }

  /** Return whether the range can be cut; otherwise lead the reader to the field that is wrong. */
  isReady() {
    const wrong = [this.start, this.end].find((each) => each?.read() === false);
    if (wrong) wrong.point();
    else if (this.selection?.problem) this.end?.point();
    return !wrong && !this.selection?.problem;
  }

  pressed() {
    if (this.isReady()) this.create.focus({ preventScroll: true });
    this.submit();
  }

  submit() {
    if (!this.selection || this.busy || !this.isReady()) return;
    const detail = { resolution: this.resolution?.value, container: this.container?.value, ranges: this.wanted() };
    this.dispatchEvent(new CustomEvent('create', { detail }));
  }

  /** @param {number} seconds */
  saveMoment(seconds) {
    return new Promise((done) => this.dispatchEvent(new CustomEvent('moment', { detail: { seconds, done } })));
  }

  chapters() {
    const selection = /** @type {import('./selection.js').Selection} */ (this.selection);
    return h('div.chapters', { role: 'group', 'aria-label': t('video.chapters') }, selection.info.chapters.map((chapter) =>
      h('button.chip', {
        data: { start: chapter.start_time, end: chapter.end_time },
        on: { click: () => selection.set(chapter.start_time, chapter.end_time) },
      }, [h('span.quiet', {}, timeText(chapter.start_time, 0)), chapter.title]),
    ));
  }
}
customElements.define('clip-chooser', ClipChooser);

/**
 * Keep the focus where it is while a button is pressed: what a field says when it is left would move the button away
 * from under the pointer, and the press would be lost.
 * @param {Event} event
 */
function stay(event) {
  event.preventDefault();
}

/** @param {{ start: number, end: number }} range */
function rangeText({ start, end }) {
  return `${timeText(start)} – ${timeText(end)}`;
}

/** @param {import('./selection.js').Info} info */
function factsOf(info) {
  const length = info.duration ? timeText(info.duration, 0) : '';
  const live = { is_live: 'video.live', live: 'video.live', is_upcoming: 'video.upcoming', upcoming: 'video.upcoming' }[info.live_status ?? ''];
  return [info.author, live ? t(live) : length, info.resolutions[0]].filter(Boolean).join(' · ');
}

/**
 * @param {string[]} found
 * @returns {[string, string][]}
 */
function resolutionsOf(found) {
  const highest = found[0] ?? '';
  return [['best', highest ? t('choice.best', { highest }) : t('choice.best-unknown')], ...found.map((each) => /** @type {[string, string]} */ ([each, each]))];
}

/**
 * @param {string} label
 * @param {string[][]} options value and text of each
 */
function choice(label, options) {
  const id = newId();
  const select = /** @type {HTMLSelectElement} */ (
    h('select', { id }, options.map(([value, text]) => h('option', { value }, text)))
  );
  return { select, element: h('div.field', {}, [h('label', { for: id }, label), select]) };
}
