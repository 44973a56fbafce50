/** One upload: what it shall become, its progress, and the encoded file. */

import { actionButton, removalButton } from './action-button.js';
import { call, send } from './api.js';
import { download } from './clips-api.js';
import { announce, fill, h, newId } from './dom.js';
import { feed } from './events.js';
import { expiryNote, hasPassed } from './expiry.js';
import { notice, retryHelps } from './problems.js';
import { repeat } from './repeat.js';
import { noteTexts, paceTexts, sizeText, t } from './texts.js';

const POLL_MILLISECONDS = 2000;
/** @type {Record<string, string>} */
const CODECS = { h264: 'H.264', h265: 'H.265' };
const RUNNING = ['pending', 'processing'];

export class EncodeRow extends HTMLElement {
  /** @type {any} */
  encode = {};
  /** @type {Record<string, string[]>} */
  codecs = {};
  shape = '';
  /** Whether an event has said that the encode has ended. */
  hasEnded = false;

  /** @param {any} encode @param {Record<string, string[]>} [codecs] */
  show(encode, codecs = this.codecs) {
    this.encode = encode;
    this.codecs = codecs;
    const shape = [encode.status, encode.video_codec, encode.file_available, hasPassed(encode.expires_at)].join('|');
    if (shape !== this.shape) this.build(shape);
    this.update(encode);
    return this;
  }

  connectedCallback() {
    this.listener = (/** @type {Event} */ event) => {
      const { job_id: id, status, ...rest } = /** @type {CustomEvent} */ (event).detail;
      if (id !== this.encode.encode_id) return;
      this.hasEnded = !RUNNING.includes(status);
      if (status !== this.encode.status || this.hasEnded) void this.refresh();
      else this.update(rest);
    };
    feed.addEventListener('job', this.listener);
    this.addEventListener('expired', () => this.show(this.encode));
    const isWanted = () => this.running && (!feed.open || this.hasEnded) && document.visibilityState === 'visible';
    this.stop = repeat(() => this.refresh(), POLL_MILLISECONDS, isWanted);
  }

  disconnectedCallback() {
    if (this.listener) feed.removeEventListener('job', this.listener);
    this.stop?.();
  }

  get running() {
    return RUNNING.includes(this.encode.status) && Boolean(this.encode.video_codec || this.encode.audio_format);
  }

  async refresh() {
    try {
      this.show(await call('GET', `api/encode/status/${this.encode.encode_id}`));
    } catch (error) {
      if (/** @type {any} */ (error).status === 404) this.remove();
    }
  }

  /** @param {string} shape */
  build(shape) {
    this.shape = shape;
    this.bar = null;
    const { encode } = this;
    this.className = 'row card';
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', encode.original_filename);
    const wanted = [CODECS[encode.video_codec] ?? encode.video_codec?.toUpperCase(), encode.quality_preset && t(`preset.${encode.quality_preset}`)].filter(Boolean).join(' · ');
    fill(this, [h('div.about', {}, [h('h3', {}, encode.original_filename), (this.facts = h('p.quiet', {}, wanted))]), this.body()]);
  }

  body() {
    const { encode } = this;
    const remove = removalButton(async () => {
      await call('DELETE', `api/encode/${encode.encode_id}`);
      announce(t('deleted'));
      this.remove();
    });
    if (this.running) {
      this.bar = /** @type {HTMLProgressElement} */ (h('progress', { max: 100, 'aria-label': t('progress') }));
      this.note = h('p.quiet.note');
      return [h('div.progress', {}, [this.bar, this.note]), h('div.actions', {}, actionButton('close', 'cancel', () => call('POST', `api/encode/${encode.encode_id}/cancel`)))];
    }
    if (encode.status === 'pending') return [this.form(), h('div.actions', {}, remove)];
    if (encode.status === 'failed') {
      const { code, message } = encode.error ?? { code: 'UNKNOWN', message: '' };
      const retry = retryHelps(code) ? actionButton('retry', 'retry', () => call('POST', `api/encode/${encode.encode_id}/retry`).then(() => this.refresh()), 'primary') : null;
      return [notice(code, message), h('div.actions', {}, [retry, remove])];
    }
    if (encode.status === 'completed' && encode.file_available && !hasPassed(encode.expires_at)) {
      const notes = noteTexts(encode.notes ?? []).map((each) => h('li', {}, each));
      const name = encode.original_filename.replace(/\.[^.]+$/, '') + (encode.video_codec ? `_${encode.video_codec}` : '');
      return [
        notes.length ? h('ul.notes', {}, notes) : null,
        h('div.actions', {}, [
          actionButton('download', 'download', () => download(encode.encode_id, name, 'encode'), 'primary'),
          remove,
          expiryNote(encode.expires_at),
        ]),
      ];
    }
    return [h('p.quiet', {}, t(encode.status === 'cancelled' ? 'state.cancelled' : 'state.expired')), h('div.actions', {}, remove)];
  }

  form() {
    const [codec, preset] = [newId(), newId()];
    const codecField = h('select', { id: codec, on: { change: showPresets } }, Object.keys(this.codecs).map((each) => h('option', { value: each }, t(`codec.${each}`))));
    const presetField = h('select', { id: preset });
    const codecs = this.codecs;
    function showPresets() {
      fill(presetField, (codecs[codecField.value] ?? []).map((each) => h('option', { value: each, selected: each === 'high' }, t(`preset.${each}`))));
    }
    showPresets();
    return h('div.choices', {}, [
      h('div.field', {}, [h('label', { for: codec }, t('uploads.codec')), codecField]),
      h('div.field', {}, [h('label', { for: preset }, t('uploads.preset')), presetField]),
      actionButton('', 'uploads.start', async () => {
        const json = { video_codec: codecField.value, quality_preset: presetField.value };
        await send('POST', `api/encode/start/${this.encode.encode_id}`, { json, headers: { Prefer: 'respond-async' } });
        await this.refresh();
      }, 'primary'),
    ]);
  }

  /** @param {any} reading */
  update(reading) {
    const percent = Number(reading.progress ?? 0);
    if (this.bar && percent > 0) this.bar.value = percent;
    if (this.bar && this.note) this.note.textContent = [t('phase.encoding-file'), percent > 0 ? `${Math.floor(percent)} %` : '', ...(percent > 0 ? paceTexts(reading) : [])].filter(Boolean).join(' · ');
    if (this.encode.status === 'completed' && this.facts && !this.facts.dataset.sized) {
      this.facts.dataset.sized = 'yes';
      this.facts.append(` · ${sizeText(this.encode.file_size_mb * 1e6)}`);
    }
  }
}
customElements.define('encode-row', EncodeRow);
