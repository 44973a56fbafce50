/** Moves the ends of a clip that is ready: by steps, or to where its player stands. */

import { call } from './api.js';
import { fill, h } from './dom.js';
import { noticeOf } from './problems.js';
import { numberText, t } from './texts.js';
import { timeText } from './times.js';

const STEPS = [-1, -0.1, 0.1, 1];
const LAST_FRAME_SECONDS = 0.04;

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

  if (video) video.preload = 'auto'; // so that it can show the new ends

  function update() {
    const now = length - moved.start + moved.end;
    const words = [];
    if (moved.start) words.push(t(moved.start < 0 ? 'trim.start-earlier' : 'trim.start-later', { span: timeText(Math.abs(moved.start), 2) }));
    if (moved.end) words.push(t(moved.end < 0 ? 'trim.end-earlier' : 'trim.end-later', { span: timeText(Math.abs(moved.end), 2) }));
    if (words.length) words.push(t(now > 0 ? 'trim.length' : 'range.empty', { length: timeText(now, 2) }));
    if (moved.start < 0 || moved.end > 0) words.push(t('trim.outside'));
    shown.textContent = words.join(' ') || t('trim.how');
    apply.disabled = now <= 0 || (!moved.start && !moved.end);
  }

  /** Show the frame at an end that was moved, as far as it is in the file. @param {'start' | 'end'} which */
  function showEnd(which) {
    if (!video) return;
    video.pause();
    video.currentTime = which === 'start' ? Math.max(moved.start, 0) : Math.max(length + Math.min(moved.end, 0) - LAST_FRAME_SECONDS, 0);
  }

  /** @param {'start' | 'end'} which @param {number} seconds */
  function move(which, seconds) {
    moved[which] = Math.round(seconds * 1000) / 1000;
    update();
  }

  /** @param {'start' | 'end'} which @param {number} seconds */
  function step(which, seconds) {
    move(which, moved[which] + seconds);
    showEnd(which);
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
        STEPS.map((seconds) => {
          const text = `${seconds < 0 ? '−' : '+'}${numberText(Math.abs(seconds))} s`;
          const name = `${text}: ${t(seconds < 0 ? 'trim.earlier' : 'trim.later')}`;
          return h('button.plain.step', { 'aria-label': name, on: { click: () => step(which, seconds) } }, text);
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
