/** The view of the first visit: a field for a link, the chosen video, and the clips of this visit. */

import { facts } from './api.js';
import { ClipChooser } from './chooser.js';
import { ClipRow } from './clip-row.js';
import { createClip, statusOf } from './clips-api.js';
import { announce, fill, h } from './dom.js';
import { saveMoment } from './live.js';
import { LinkField } from './lookup.js';
import { noticeOf } from './problems.js';
import { Selection } from './selection.js';
import { requireOwner } from './session.js';
import { t } from './texts.js';

/**
 * Return the view; `link` is a link to begin with, and `range` what to choose of it.
 * @param {{ link?: string, range?: { start: number, end: number } }} [given]
 */
export function homeView(given = {}) {
  const field = new LinkField();
  const chosen = h('div.chosen');
  const problem = h('div.problem', { role: 'alert' });
  const made = h('section.made', { 'aria-label': t('made.title'), hidden: true }, h('h2', {}, t('made.title')));
  const view = h('div.home.empty', {}, [
    h('header.hero', {}, [h('h1', {}, sentences(t('home.title'))), h('p', {}, t('home.lead'))]),
    field,
    chosen,
    problem,
    made,
  ]);
  field.addEventListener('found', (event) => found(/** @type {CustomEvent} */ (event).detail));
  field.addEventListener('cleared', () => {
    fill(chosen);
    fill(problem);
    view.classList.add('empty');
  });
  field.addEventListener('failed', () => fill(chosen));

  /** @param {{ url: string, info: import('./selection.js').Info }} detail */
  function found({ url, info }) {
    const selection = new Selection(url, info, facts.longest_clip_seconds);
    const chooser = new ClipChooser();
    const { range } = given;
    if (range && url === given.link && range.end <= (selection.duration || Infinity)) selection.set(range.start, range.end);
    view.classList.remove('empty');
    fill(problem);
    fill(chosen, chooser);
    chooser.show(selection);
    chooser.addEventListener('create', (event) => create(chooser, selection, /** @type {CustomEvent} */ (event).detail));
    chooser.addEventListener('moment', async (event) => {
      const { seconds, done } = /** @type {CustomEvent} */ (event).detail;
      await make(chooser, () => saveMoment(selection.url, seconds), { title: selection.info.title });
      done();
    });
    announce(t('lookup.found', { title: info.title || t('video.untitled') }), { seen: true });
  }

  /**
   * @param {ClipChooser} chooser
   * @param {Selection} selection
   * @param {{ resolution?: string, container?: string, ranges: { start: number, end: number }[] }} wanted
   */
  async function create(chooser, selection, wanted) {
    for (const { start, end } of wanted.ranges) {
      const about = { title: selection.info.title, start_time: start, end_time: end };
      const done = await make(chooser, () => createClip({ url: selection.url, start, end }, wanted), about);
      if (!done) return;
      chooser.drop({ start, end });
    }
  }

  /**
   * @param {ClipChooser} chooser
   * @param {() => Promise<string>} how
   * @param {Record<string, unknown>} about
   */
  async function make(chooser, how, about) {
    fill(problem);
    chooser.setBusy(true);
    try {
      if (!(await requireOwner(t('session.why')))) return false;
      const id = await how();
      const row = new ClipRow();
      row.show({ video_id: id, status: 'pending', queued: true, ...about });
      made.hidden = false;
      made.children[0].after(row);
      row.show(await statusOf(id));
      row.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
      announce(t('create.done'), { seen: true });
      return true;
    } catch (error) {
      fill(problem, noticeOf(error));
      return false;
    } finally {
      chooser.setBusy(false);
    }
  }

  field.first = given.link ?? '';
  return view;
}

/**
 * Return the sentences of a text, which are not broken where there is room for one in a line.
 * @param {string} text
 */
function sentences(text) {
  return text.split(/(?<=\.) /).flatMap((each) => [h('span', {}, each), ' ']);
}
