/** The view of uploads: files are dropped or chosen, sent in pieces, and encoded. */

import { isAboutTheFile, refusalOf } from './accepted.js';
import { ApiError, call, facts, offers } from './api.js';
import { announce, fill, h, icon } from './dom.js';
import { EncodeRow } from './encode-row.js';
import { notice, noticeOf, sentence, sentenceOf } from './problems.js';
import { sizeText, t } from './texts.js';
import { Upload, forget, unfinished } from './tus.js';

/** Files that were dropped on another view. @type {File[]} */
let waiting = [];

/** @param {FileList | File[]} files */
export function take(files) {
  waiting.push(...files);
}

/** @returns {Promise<HTMLElement>} */
export async function uploadsView() {
  const rows = h('div.list');
  const older = h('div.list');
  const hints = h('div.list');
  const codecs = (await call('GET', 'api/encode/codecs')).codecs;
  const input = /** @type {HTMLInputElement} */ (h('input.sr', { type: 'file', id: 'files', multiple: true, accept: 'video/*,audio/*,.mkv', on: { change: () => {
    add(input.files ?? []);
    input.value = '';
  } } }));
  const zone = h('div.drop', { on: { dragover: over, dragleave: () => zone.classList.remove('over'), drop: dropped } }, [
    icon('upload'),
    h('p.drop-words', {}, t('uploads.drop')),
    input,
    h('label.button.primary', { for: 'files' }, t('uploads.choose')),
    h('p.quiet.small', {}, t('uploads.limit', { size: sizeText(facts.largest_upload_bytes) })),
  ]);

  /** @param {DragEvent} event */
  function over(event) {
    event.preventDefault();
    zone.classList.add('over');
  }

  /** @param {DragEvent} event */
  function dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    zone.classList.remove('over');
    add(event.dataTransfer?.files ?? []);
  }

  /** @param {FileList | File[]} files */
  function add(files) {
    for (const file of files) {
      const refused = refusalOf(file, facts);
      if (refused) {
        rows.prepend(refusedRow(file, refused));
        continue;
      }
      const upload = new Upload(file);
      rows.prepend(uploadRow(upload, codecs));
      void upload.run();
    }
    showHints();
  }

  function showHints() {
    const running = [...rows.querySelectorAll('[data-upload]')].map((each) => each.getAttribute('data-upload'));
    fill(hints, unfinished().filter((each) => !running.includes(each.name)).map((each) => {
      const hint = h('div.card.row', {}, [
        h('p', {}, t('uploads.unfinished', { name: each.name })),
        h('div.actions', {}, [
          h('label.button.primary', { for: 'files' }, t('uploads.choose-again')),
          h('button.plain', { on: { click: () => {
            forget(each.id);
            hint.remove();
          } } }, [icon('trash'), t('uploads.forget')]),
        ]),
      ]);
      return hint;
    }));
  }

  if (offers('encodes')) {
    const { encodes } = await call('GET', 'api/encode/list?per_page=30');
    older.append(...encodes.map((/** @type {any} */ each) => new EncodeRow().show(each, codecs)));
  }
  add(waiting.splice(0));
  return h('div.view', {}, [h('header.title', {}, [h('h1', {}, t('uploads.title')), h('p.quiet', {}, t('uploads.lead'))]), zone, hints, rows, older]);
}

/**
 * A file that the service does not accept. Only another file helps.
 * @param {File} file
 * @param {string} why `type`, `size`, or the sentence of the service
 */
function refusedRow(file, why) {
  const texts = /** @type {Record<string, string>} */ ({
    type: t('uploads.refused-type', { types: facts.upload_types.join(', ') }),
    size: t('uploads.refused-size', { size: sizeText(facts.largest_upload_bytes) }),
  });
  const row = h('div.card.row', { role: 'group', 'aria-label': file.name }, [
    h('h3', {}, file.name),
    h('div', { role: 'alert' }, notice('FILE_REFUSED', texts[why] ?? why)),
    h('div.actions', {}, h('button.plain', { on: { click: () => row.remove() } }, [icon('close'), t('close')])),
  ]);
  return row;
}

/**
 * @param {Upload} upload
 * @param {Record<string, string[]>} codecs
 */
function uploadRow(upload, codecs) {
  const { file } = upload;
  const bar = h('progress', { max: file.size, 'aria-label': t('progress'), own: { value: 0 } });
  const note = h('p.quiet.note');
  const pause = h('button.plain', { on: { click: () => (upload.running ? upload.pause() : void upload.run()) } });
  const cancel = h('button.plain', { on: { click: () => upload.cancel().then(() => row.remove()) } }, [icon('close'), t('cancel')]);
  const problem = h('div', { role: 'alert' });
  const row = h('div.card.row', { role: 'group', 'aria-label': file.name, data: { upload: file.name } }, [
    h('h3', {}, file.name), h('div.progress', {}, [bar, note]), problem, h('div.actions', {}, [pause, cancel]),
  ]);
  const update = () => {
    bar.value = upload.sent;
    const percent = file.size ? Math.floor((upload.sent / file.size) * 100) : 100;
    note.textContent = [t(upload.running ? 'uploads.sending' : 'uploads.paused'), `${percent} %`, t('uploads.of', { sent: sizeText(upload.sent), size: sizeText(file.size) })].join(' · ');
    fill(pause, [icon(upload.running ? 'pause' : 'play'), t(upload.running ? 'uploads.pause' : 'uploads.resume')]);
  };
  upload.addEventListener('progress', update);
  upload.addEventListener('state', () => {
    if (upload.running) fill(problem);
    update();
  });
  upload.addEventListener('problem', (event) => {
    const error = /** @type {CustomEvent} */ (event).detail;
    if (!(error instanceof ApiError) || !isAboutTheFile(error.code)) return fill(problem, noticeOf(error));
    forget(upload.id); // the same file would be refused again
    row.replaceWith(refusedRow(file, error.code === 'UPLOAD_TYPE_UNSUPPORTED' ? 'type' : sentence(error.code, error.message)));
  });
  upload.addEventListener('done', async (event) => {
    announce(t('uploads.done', { name: file.name }), { seen: true });
    try {
      const encode = await call('GET', `api/encode/status/${/** @type {CustomEvent} */ (event).detail}`);
      row.replaceWith(new EncodeRow().show(encode, codecs));
    } catch (error) {
      announce(sentenceOf(error));
    }
  });
  update();
  return row;
}
