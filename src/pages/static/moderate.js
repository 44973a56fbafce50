/** The page of a channel's moderators, who have a link and no account: save the last moments, and tidy the last clips. */

import { removalButton } from './action-button.js';
import { send, serviceNow } from './api.js';
import { announce, fill, h, icon } from './dom.js';
import { liveButtons } from './live.js';
import { notice, noticeOf, sentenceOf } from './problems.js';
import { repeat } from './repeat.js';
import { spanText, t } from './texts.js';
import { trimPanel } from './trim.js';

const ASK_MILLISECONDS = 3000;

/** @typedef {Record<string, any> & { video_id: string, status: string }} Clip */

/**
 * @param {string} token
 * @returns {Promise<HTMLElement>}
 */
export async function moderateView(token) {
  const list = h('div.list');
  const problem = h('div', { role: 'alert' });
  const save = async (/** @type {number} */ seconds) => {
    try {
      const query = new URLSearchParams({ offset: String(seconds), duration: String(seconds), format: 'text', user: t('bots.moderators') });
      const reply = await send('GET', `c/-?${query}`, { headers: { Accept: 'text/plain', 'X-Channel-Token': token } });
      announce(await reply.text());
      await refresh();
    } catch (error) {
      fill(problem, noticeOf(error));
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
      const { clips } = await (await send('GET', 'c/-/clips', { headers: { 'X-Channel-Token': token } })).json();
      fill(problem);
      const shown = clips.map((/** @type {Clip} */ clip) => {
        const shape = [clip.status, clip.title, clip.offset, clip.duration, clip.file_url?.split('?')[0]].join('|');
        const known = rows.get(clip.video_id);
        if (known?.shape === shape) {
          const bar = known.element.querySelector('progress');
          if (bar && clip.percent > 0) bar.value = clip.percent;
          return known.element;
        }
        const element = row(token, clip, refresh);
        rows.set(clip.video_id, { shape, element });
        return element;
      });
      // Rows that stay are not moved, so that focus and players are not lost.
      if (!shown.length || shown.length !== list.children.length || shown.some((/** @type {Element} */ each, /** @type {number} */ place) => each !== list.children[place])) {
        fill(list, shown.length ? shown : h('p.empty-list', {}, [icon('clip'), t('moderate.none')]));
      }
    } catch (error) {
      fill(problem, noticeOf(error));
    }
  }
  await refresh();
  const stop = repeat(async () => (view.isConnected ? refresh() : stop()), ASK_MILLISECONDS, () => document.visibilityState === 'visible');
  return view;
}

/**
 * @param {string} token
 * @param {Clip} clip
 * @param {() => Promise<void>} changed
 */
function row(token, clip, changed) {
  const running = clip.status === 'pending' || clip.status === 'processing';
  const name = clip.title || clip.source_title || t(running ? 'clips.new' : 'video.untitled');
  const ask = (/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ json = undefined) =>
    send(method, `c/-/clips/${clip.video_id}${path}`, { json, headers: { 'X-Channel-Token': token } });
  const title = h('input', { 'aria-label': t('moderate.name'), maxlength: 200, own: { value: clip.title ?? '' }, placeholder: clip.source_title ?? '' });
  const extra = h('div.extra');
  const video = clip.file_url ? h('video', { src: clip.file_url, poster: clip.poster, controls: true, playsinline: true, preload: 'none', 'aria-label': name }) : null;
  const act = (/** @type {() => Promise<unknown>} */ what) => async () => {
    try {
      await what();
      await changed();
    } catch (error) {
      announce(sentenceOf(error));
    }
  };
  function trim() {
    if (extra.firstChild) return fill(extra);
    fill(extra, trimPanel(video, clip.duration, (move) => ask('POST', '/move', move), changed));
    return extra.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }
  const facts = [t(`state.${clip.status}`), clip.viewer, clip.expires_at && t('expires', { span: spanText((new Date(clip.expires_at).getTime() - serviceNow()) / 1000) })];
  return h('div.card.row', { role: 'group', 'aria-label': name }, [
    h('div.about', {}, [h('h3', {}, name), h('p.quiet', {}, facts.filter(Boolean).join(' · '))]),
    running ? h('progress', { max: 100, 'aria-label': t('progress') }) : null,
    clip.error ? notice(clip.error.code, clip.error.message) : null,
    video,
    h('form.rename', { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void act(() => ask('PATCH', '', { title: title.value }))();
    } } }, [title, h('button.plain', { type: 'submit' }, t('moderate.rename'))]),
    h('div.actions', {}, [
      video ? h('button.plain', { on: { click: trim } }, [icon('move'), t('trim')]) : null,
      removalButton(async () => {
        await ask('DELETE', '');
        await changed();
      }),
    ]),
    extra,
  ]);
}
