/** Moves the ends of a clip that is ready: by steps, or to where its player stands. */

import { call } from './api.js';
import { fill, h } from './dom.js';
import { noticeOf } from './problems.js';
import { t } from './texts.js';
import { timeText } from './times.js';

const STEPS = [-1, -0.1, 0.1, 1];

/**
 * Return the panel. `send` gets the seconds to add to both ends; `done` is called when the clip is cut again.
 * @param {HTMLVideoElement | null} video
 * @param {number} length seconds of the clip
 * @param {(move: { move_start: number, move_end: number }) => Promise<unknown>} send
 * @param {() => void} done
 */
export function trimPanel(video, length, send, done) {
  const moved = { start: 0, end: 0 };
  const shown = h('p.quiet', { role: 'status' });
  const problem = h('div', { role: 'alert' });
  const apply = h('button.primary', { on: { click: sent } }, t('trim.apply'));

  function update() {
    const now = length - moved.start + moved.end;
    const sign = (/** @type {number} */ value) => `${value < 0 ? '−' : '+'}${timeText(Math.abs(value), 2)}`;
    shown.textContent = t('trim.shown', { start: sign(moved.start), end: sign(moved.end), length: timeText(now, 2) });
    apply.disabled = now <= 0 || (!moved.start && !moved.end);
  }

  /** @param {'start' | 'end'} which @param {number} seconds */
  function move(which, seconds) {
    moved[which] = Math.round(seconds * 1000) / 1000;
    update();
  }

  async function sent() {
    apply.disabled = true;
    fill(problem);
    try {
      await send({ move_start: moved.start, move_end: moved.end });
      done();
    } catch (error) {
      fill(problem, noticeOf(error));
      apply.disabled = false;
    }
  }

  /** @param {'start' | 'end'} which */
  function side(which) {
    const here = () => move(which, which === 'start' ? video?.currentTime ?? 0 : (video?.currentTime ?? 0) - length);
    return h('div.side', { role: 'group', 'aria-label': t(`range.${which}`) }, [
      h('span.label', {}, t(`range.${which}`)),
      h('div.actions', {}, [
        STEPS.map((step) => {
          const text = `${step < 0 ? '−' : '+'}${Math.abs(step)} s`;
          const name = `${text}: ${t(step < 0 ? 'trim.earlier' : 'trim.later')}`;
          return h('button.plain.step', { 'aria-label': name, on: { click: () => move(which, moved[which] + step) } }, text);
        }),
        video ? h('button.plain', { on: { click: here } }, t(`trim.${which}-here`)) : null,
      ]),
    ]);
  }
  update();
  return h('div.trim-panel', {}, [side('start'), side('end'), shown, problem, h('div.actions', {}, apply)]);
}

/**
 * @param {string} id
 * @param {{ move_start: number, move_end: number }} move
 */
export function moveClip(id, move) {
  return call('PATCH', `api/video/${id}`, move);
}
