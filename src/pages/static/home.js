/** The view of the first visit: a field for a link, the chosen video, and the clips of this visit. */

import { facts, guest } from './api.js';
import { ClipChooser } from './chooser.js';
import { ClipRow } from './clip-row.js';
import { createClip, statusOf } from './clips-api.js';
import { announce, fill, h } from './dom.js';
import { keep, kept } from './kept.js';
import { saveMoment } from './live.js';
import { LinkField } from './lookup.js';
import { noticeOf } from './problems.js';
import { Selection } from './selection.js';
import { requireOwner, session } from './session.js';
import { t } from './texts.js';

/** @typedef {{ start: number, end: number, shown?: { start: number, end: number } }} Range */

const MOST_KEPT = 10;

/**
 * Return the view; `link` is a link to begin with, and `range` what to choose of it. Without a link, it is as it was
 * before the page was loaded again.
 * @param {{ link?: string, range?: Range }} [given]
 */
export function homeView(given = {}) {
  const before = kept();
  if (!given.link && before.url) given = { link: before.url, range: rangeOf(before) };
  const field = new LinkField();
  const chosen = h('div.chosen');
  const problem = h('div.problem', { role: 'alert' });
  const made = h('section.made', { 'aria-label': t('made.title'), hidden: true }, h('h2', {}, t('made.title')));
  const view = h('div.home.empty', {}, [
    h('header.hero', {}, [h('h1', {}, sentences(t('home.title'))), h('p', {}, t('home.lead'))]),
    field,
    h('p.own-file', {}, h('a', { href: '#uploads' }, t('home.file'))),
    chosen,
    problem,
    made,
  ]);
  field.addEventListener('found', (event) => found(/** @type {CustomEvent} */ (event).detail));
  /** @type {ClipChooser | null} */
  let current = null;
  /** @param {ClipChooser | null} next */
  function choose(next) {
    current?.close();
    current = next;
    fill(chosen, next);
  }
  field.addEventListener('cleared', () => {
    choose(null);
    fill(problem);
    view.classList.add('empty');
    keep({ url: undefined });
  });
  field.addEventListener('failed', () => choose(null));

  /** @param {{ url: string, info: import('./selection.js').Info }} detail */
  function found({ url, info }) {
    const selection = new Selection(url, info, facts.longest_clip_seconds);
    const chooser = new ClipChooser();
    const { range } = given;
    if (range && url === given.link && range.end <= (selection.duration || Infinity)) selection.set(range.start, range.end, range.shown);
    const remember = () => keep({ url, start: selection.start, end: selection.end, shown: selection.shown });
    remember();
    selection.addEventListener('change', remember);
    view.classList.remove('empty');
    fill(problem);
    choose(chooser);
    chooser.show(selection);
    chooser.addEventListener('create', (event) => create(chooser, selection, /** @type {CustomEvent} */ (event).detail));
    chooser.addEventListener('moment', async (event) => {
      const { seconds, done } = /** @type {CustomEvent} */ (event).detail;
      await make(chooser, () => saveMoment(selection.url, seconds), { title: selection.info.title });
      done();
    });
    announce(t('lookup.found', { title: info.title || t('video.untitled') }), { seen: true });
  }

  /** Rows of this visit by what was wanted, so that a second press makes no second clip. @type {Map<string, ClipRow>} */
  const madeHere = new Map();

  /**
   * @param {ClipChooser} chooser
   * @param {Selection} selection
   * @param {{ resolution?: string, container?: string, ranges: { start: number, end: number }[] }} wanted
   */
  async function create(chooser, selection, wanted) {
    for (const { start, end } of wanted.ranges) {
      const key = JSON.stringify([selection.url, start, end, wanted.resolution, wanted.container]);
      const known = madeHere.get(key);
      if (known?.isConnected && ['pending', 'processing', 'completed'].includes(known.state)) {
        lead(known);
        announce(t('create.known'));
        chooser.drop({ start, end });
        continue;
      }
      const about = { title: selection.info.title, start_time: start, end_time: end };
      const row = await make(chooser, () => createClip({ url: selection.url, start, end }, wanted), about);
      if (!row) return;
      madeHere.set(key, row);
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
      if (!(await requireOwner(t('session.why')))) return null;
      const id = await how();
      const row = show({ video_id: id, status: 'pending', queued: true, ...about });
      keep({ clips: [id, ...(kept().clips ?? [])].slice(0, MOST_KEPT) });
      row.show(await statusOf(id));
      lead(row);
      announce(t('create.done'), { seen: true });
      return row;
    } catch (error) {
      fill(problem, noticeOf(error));
      problem.scrollIntoView({ block: 'nearest' }); // it is below the card, whose button is always in the window
      return null;
    } finally {
      chooser.setBusy(false);
    }
  }

  /** @param {import('./clips-api.js').Clip} clip */
  function show(clip) {
    const row = new ClipRow();
    row.tabIndex = -1; // it gets the focus when it is new
    row.show(clip);
    made.hidden = false;
    made.children[0].after(row);
    return row;
  }

  async function showKept() {
    const found = await Promise.allSettled((before.clips ?? []).map(statusOf));
    for (const each of found.reverse()) if (each.status === 'fulfilled') show(each.value);
  }

  field.first = given.link ?? '';
  if (session.user || guest.key) void showKept();
  return view;
}

/**
 * Lead the reader to a row.
 * @param {ClipRow} row
 */
function lead(row) {
  row.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  if (!isTyping()) row.focus({ preventScroll: true });
}

/** Whether the reader is in a field, whose focus must stay. */
function isTyping() {
  return document.activeElement?.matches('input, select, textarea') ?? false;
}

/** @param {import('./kept.js').Kept} before */
function rangeOf({ start, end, shown }) {
  return typeof start === 'number' && typeof end === 'number' ? { start, end, shown } : undefined;
}

/**
 * Return the sentences of a text, which are not broken where there is room for one in a line.
 * @param {string} text
 */
function sentences(text) {
  return text.split(/(?<=\.) /).flatMap((each) => [h('span', {}, each), ' ']);
}
