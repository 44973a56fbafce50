/** The field for links: looks up what a link leads to as soon as it is pasted. */

import { call } from './api.js';
import { fill, h, icon, newId } from './dom.js';
import { noticeOf } from './problems.js';
import { t } from './texts.js';
import { firstLink, timeInLink } from './times.js';

const TYPING_MILLISECONDS = 400;

/** Fires `found` with `detail` `{url, info}`, `cleared` when the field is emptied, and `file` with dropped files. */
export class LinkField extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const id = newId();
    this.input = /** @type {HTMLInputElement} */ (
      h('input', {
        id,
        type: 'text',
        inputmode: 'url',
        autocomplete: 'off',
        autocapitalize: 'off',
        spellcheck: 'false',
        placeholder: t('lookup.placeholder'),
        maxlength: 2000,
        'aria-describedby': `${id}s`,
        on: { input: () => this.typed(), paste: () => setTimeout(() => this.look()) },
      })
    );
    this.state = h('div.state', { id: `${id}s`, role: 'status' });
    this.clearButton = h('button.icon-only.clear', { 'aria-label': t('lookup.clear'), hidden: true, on: { click: () => this.clear() } }, icon('close'));
    const form = h('form.link', { on: { submit: (/** @type {Event} */ event) => this.submitted(event) } }, [
      h('label.sr', { for: id }, t('lookup.label')),
      icon('link'),
      this.input,
      this.clearButton,
      h('button.primary', { type: 'submit' }, t('lookup.go')),
    ]);
    this.append(form, this.state);
    if (this.first) this.use(this.first);
    else if (matchMedia('(pointer: fine)').matches) this.input.focus();
  }

  /** A link to look up as soon as the field is shown. */
  first = '';

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;
  /** @type {AbortController | null} */
  current = null;
  last = '';

  /**
   * Look up a link that came from elsewhere.
   * @param {string} url
   */
  use(url) {
    if (!this.input) return;
    this.input.value = url;
    this.look();
  }

  typed() {
    clearTimeout(this.timer);
    const empty = !this.input?.value;
    if (this.clearButton) this.clearButton.hidden = empty;
    if (empty) this.clear();
    else if (firstLink(this.input?.value ?? '')) this.timer = setTimeout(() => this.look(), TYPING_MILLISECONDS);
  }

  /** @param {Event} event */
  submitted(event) {
    event.preventDefault();
    this.last = '';
    this.look();
  }

  clear() {
    clearTimeout(this.timer);
    this.current?.abort();
    this.last = '';
    if (this.input) this.input.value = '';
    if (this.clearButton) this.clearButton.hidden = true;
    if (this.state) fill(this.state);
    this.dispatchEvent(new Event('cleared'));
    this.input?.focus();
  }

  async look() {
    clearTimeout(this.timer);
    const given = this.input?.value.trim() ?? '';
    const url = firstLink(given);
    if (!given || !this.state || url === this.last) return;
    if (this.clearButton) this.clearButton.hidden = false;
    if (!url) {
      fill(this.state, h('p.bad', {}, t('lookup.no-link')));
      return;
    }
    this.current?.abort();
    const mine = new AbortController();
    this.current = mine;
    this.last = url;
    fill(this.state, h('p.busy', {}, [h('span.spinner', { 'aria-hidden': 'true' }), t('lookup.busy')]));
    try {
      const info = await lookUp(url, mine.signal);
      fill(this.state);
      this.dispatchEvent(new CustomEvent('found', { detail: { url, info } }));
    } catch (error) {
      if (mine.signal.aborted) return;
      this.last = '';
      fill(this.state, noticeOf(error));
      this.dispatchEvent(new Event('failed'));
    }
  }
}
customElements.define('link-field', LinkField);

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<import('./selection.js').Info>}
 */
async function lookUp(url, signal) {
  const info = await call('POST', 'api/video/info', { url }, signal);
  return { ...info, start_time: info.start_time ?? timeInLink(url) };
}
