/** The view of all clips of the account: by state, several at once, a page at a time. */

import { actionButton, removalButton } from './action-button.js';
import { call, offers } from './api.js';
import { ClipRow } from './clip-row.js';
import { downloadZip } from './clips-api.js';
import { announce, fill, h, icon } from './dom.js';
import { feed } from './events.js';
import { noticeOf } from './problems.js';
import { t } from './texts.js';

const PER_PAGE = 30;
const STATES = ['', 'completed', 'processing', 'failed'];

/** @returns {Promise<HTMLElement>} */
export async function clipsView() {
  let [page, state] = [1, ''];
  /** @type {Set<string>} */
  const chosen = new Set();
  const list = h('div.list');
  const pages = h('div.actions.pages');
  const bar = h('div.bulk', { hidden: true });
  const problem = h('div', { role: 'alert' });
  const filters = h('div.chapters', { role: 'group', 'aria-label': t('clips.filter') }, STATES.map((each) =>
    h('button.chip', { data: { state: each }, on: { click: () => show(1, each) } }, t(`clips.state-${each || 'all'}`))));

  /** @param {number} wanted @param {string} [filter] */
  async function show(wanted, filter = state) {
    [page, state] = [wanted, filter];
    chosen.clear();
    update();
    for (const chip of filters.children) chip.setAttribute('aria-pressed', String(chip.getAttribute('data-state') === state));
    try {
      const query = new URLSearchParams({ page: String(page), per_page: String(PER_PAGE), ...(state ? { status: state } : {}) });
      const found = await call('GET', `api/video/list?${query}`);
      fill(problem);
      fill(list, found.videos.length ? found.videos.map(row) : h('p.empty-list', {}, [icon('clip'), t(state ? 'clips.none-such' : 'clips.none')]));
      const last = Math.max(Math.ceil(found.total / PER_PAGE), 1);
      fill(pages, last > 1 ? [
        h('button.plain', { disabled: page <= 1, on: { click: () => show(page - 1) } }, t('clips.newer')),
        h('span.quiet', {}, t('clips.page', { page, last })),
        h('button.plain', { disabled: page >= last, on: { click: () => show(page + 1) } }, t('clips.older')),
      ] : null);
    } catch (error) {
      fill(problem, noticeOf(error));
    }
  }

  /** @param {import('./clips-api.js').Clip} clip */
  function row(clip) {
    const element = new ClipRow();
    element.compact = true;
    element.show(clip);
    if (offers('bulk_delete')) {
      const box = h('input', { type: 'checkbox', 'aria-label': t('clips.choose', { title: clip.title || t('video.untitled') }), on: { change: () => {
        if (box.checked) chosen.add(clip.video_id);
        else chosen.delete(clip.video_id);
        update();
      } } });
      return h('div.choosable', {}, [box, element]);
    }
    return element;
  }

  function update() {
    bar.hidden = chosen.size === 0;
    fill(bar, [
      h('span', {}, t('clips.chosen', { n: chosen.size })),
      h('div.actions', {}, [actionButton('zip', 'clips.zip', zip), removalButton(remove)]),
    ]);
  }

  async function zip() {
    const { missing } = await downloadZip([...chosen]);
    if (missing.length) announce(t('clips.zip-missing', { n: missing.length }));
  }

  async function remove() {
    const n = chosen.size;
    await call('POST', 'api/video/delete', { ids: [...chosen] });
    announce(t('clips.deleted', { n }));
    await show(page);
  }

  /** @param {Event} event a clip that was made elsewhere appears */
  function onJob(event) {
    if (!view.isConnected) return feed.removeEventListener('job', onJob);
    const { job_id: id, kind } = /** @type {CustomEvent} */ (event).detail;
    const known = [...list.querySelectorAll('clip-row')].some((each) => /** @type {ClipRow} */ (each).clip.video_id === id);
    if (!known && page === 1 && !state && ['clip', 'live_clip'].includes(kind) && !chosen.size) void show(1);
    return undefined;
  }
  const view = h('div.view', {}, [h('header.title', {}, h('h1', {}, t('clips.title'))), filters, problem, bar, list, pages]);
  view.addEventListener('removed', () => list.querySelectorAll('.choosable:not(:has(clip-row))').forEach((/** @type {Element} */ each) => each.remove()));
  feed.addEventListener('job', onJob);
  await show(1);
  return view;
}
