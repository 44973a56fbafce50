/** The page of a channel's moderators, who have a link and no account: save the last moments, and tidy the last clips. */

import { removalButton } from './action-button.js';
import { ApiError, send } from './api.js';
import { announce, fill, h, icon } from './dom.js';
import { expiryNote, hasPassed } from './expiry.js';
import { liveButtons } from './live.js';
import { notice, noticeOf, sentenceOf } from './problems.js';
import { repeat } from './repeat.js';
import { clockText, t } from './texts.js';
import { timeText } from './times.js';
import { trimPanel } from './trim.js';

const ASK_MILLISECONDS = 3000;
const ENDED = 'MODERATOR_LINK';
/** The link was revoked, or never was one of a moderator: only its owner can help. */
const NO_LINK = ['TOKEN_INVALID', 'TOKEN_EXPIRED', 'SCOPE_MISSING'];

/** @typedef {Record<string, any> & { video_id: string, status: string }} Clip */
/** @typedef {(method: string, path: string, given?: { json?: unknown, headers?: Record<string, string> }) => Promise<Response>} Ask */

/**
 * @param {string} token
 * @returns {Promise<HTMLElement>}
 */
export async function moderateView(token) {
  const list = h('div.list');
  let ended = false;
  /** @type {Ask} */
  const ask = async (method, path, given = {}) => {
    try {
      return await send(method, `c/-${path}`, { ...given, headers: { ...given.headers, 'X-Channel-Token': token } });
    } catch (error) {
      if (!(error instanceof ApiError) || !NO_LINK.includes(error.code)) throw error;
      ended = true;
      fill(view, [h('header.title', {}, h('h1', {}, t('moderate.title'))), h('div', { role: 'alert' }, notice(ENDED, ''))]);
      throw new ApiError(error.status, ENDED, '');
    }
  };
  const problem = h('div', { role: 'alert' });
  const save = async (/** @type {number} */ seconds) => {
    try {
      const query = new URLSearchParams({ offset: String(seconds), duration: String(seconds), format: 'text', user: t('bots.moderators') });
      const reply = await ask('GET', `?${query}`, { headers: { Accept: 'text/plain' } });
      announce(await reply.text());
      await refresh();
    } catch (error) {
      if (!ended) fill(problem, noticeOf(error));
    }
  };
  const view = h('div.view', {}, [
    h('header.title', {}, [h('h1', {}, t('moderate.title')), h('p.quiet', {}, t('moderate.lead'))]),
    h('section.card', {}, liveButtons(save)),
    problem,
    h('h2', {}, t('moderate.clips')),
    list,
  ]);

  /** @type {Map<string, { shape: string, element: HTMLElement }>} */
  const rows = new Map();

  async function refresh() {
    try {
      const { clips } = await (await ask('GET', '/clips')).json();
      fill(problem);
      const shown = clips.map((/** @type {Clip} */ clip) => {
        const shape = [clip.status, clip.title, clip.offset, clip.duration, clip.file_url?.split('?')[0], clip.expires_at, hasPassed(clip.expires_at)].join('|');
        const known = rows.get(clip.video_id);
        if (known?.shape === shape) {
          const bar = known.element.querySelector('progress');
          if (bar && clip.percent > 0) bar.value = clip.percent;
          return known.element;
        }
        const element = row(ask, clip, refresh);
        rows.set(clip.video_id, { shape, element });
        return element;
      });
      // Rows that stay are not moved, so that focus and players are not lost.
      if (!shown.length || shown.length !== list.children.length || shown.some((/** @type {Element} */ each, /** @type {number} */ place) => each !== list.children[place])) {
        fill(list, shown.length ? shown : h('p.empty-list', {}, [icon('clip'), t('moderate.none')]));
      }
    } catch (error) {
      if (!ended) fill(problem, noticeOf(error));
    }
  }
  list.addEventListener('expired', () => void refresh());
  await refresh();
  const stop = repeat(async () => (view.isConnected && !ended ? refresh() : stop()), ASK_MILLISECONDS, () => document.visibilityState === 'visible');
  return view;
}

/** Return when a moment was broadcast, by the clock of the reader, and its length. @param {Clip} clip */
function rangeText(clip) {
  const length = timeText(clip.duration ?? 0, 2);
  const from = Date.parse(clip.starts_at);
  return from ? `${clockText(from)} – ${clockText(from + clip.duration * 1000)} (${length})` : length;
}

/**
 * @param {Ask} ask
 * @param {Clip} clip
 * @param {() => Promise<void>} changed
 */
function row(ask, clip, changed) {
  const running = clip.status === 'pending' || clip.status === 'processing';
  const name = clip.title || clip.source_title || t(running ? 'clips.new' : 'video.untitled');
  const tell = (/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ json = undefined) =>
    ask(method, `/clips/${clip.video_id}${path}`, { json });
  const title = h('input', { 'aria-label': t('moderate.name'), maxlength: 200, own: { value: clip.title ?? '' }, placeholder: clip.source_title ?? '' });
  const extra = h('div.extra');
  const isExpired = hasPassed(clip.expires_at); // the service deletes the file within minutes
  const video = clip.file_url && !isExpired ? h('video', { src: clip.file_url, poster: clip.poster, controls: true, playsinline: true, preload: 'metadata', 'aria-label': name }) : null;
  const act = (/** @type {() => Promise<unknown>} */ what) => async () => {
    try {
      await what();
      await changed();
    } catch (error) {
      if (/** @type {any} */ (error).code !== ENDED) announce(sentenceOf(error));
    }
  };
  function trim() {
    if (extra.firstChild) return fill(extra);
    fill(extra, trimPanel(video, clip.duration, (move) => tell('POST', '/move', move), changed));
    return extra.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }
  const facts = [t(`state.${clip.status}`), clip.stream, rangeText(clip), clip.viewer];
  return h('div.card.row', { role: 'group', 'aria-label': name }, [
    h('div.about', {}, [h('h3', {}, name), h('p.quiet', {}, facts.filter(Boolean).join(' · '))]),
    running ? h('progress', { max: 100, 'aria-label': t('progress') }) : null,
    clip.error ? notice(clip.error.code, clip.error.message) : null,
    isExpired ? h('p.quiet', {}, t('state.expired')) : null,
    video,
    h('form.rename', { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void act(() => tell('PATCH', '', { title: title.value }))();
    } } }, [title, h('button.plain', { type: 'submit' }, t('moderate.rename'))]),
    h('div.actions', {}, [
      video ? h('button.plain', { on: { click: trim } }, [icon('move'), t('trim')]) : null,
      removalButton(async () => {
        await tell('DELETE', '');
        await changed();
      }),
      isExpired ? null : expiryNote(clip.expires_at),
    ]),
    extra,
  ]);
}
