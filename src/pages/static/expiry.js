/** Counts down until files are deleted: in all rows of the page, by one timer. */

import { serviceNow } from './api.js';
import { spanText, t } from './texts.js';

const TICK_MILLISECONDS = 1000;

/** @type {Set<ExpiryNote>} those in the page */
const shown = new Set();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

function tick() {
  for (const note of shown) note.update();
}

/**
 * Whether a moment has passed, by the clock of the service. No moment never passes.
 * @param {string | null | undefined} moment as in the API
 */
export function hasPassed(moment) {
  return Boolean(moment) && new Date(/** @type {string} */ (moment)).getTime() <= serviceNow();
}

/** Says how long a file is still kept. Fires `expired`, which bubbles, when that is over. */
class ExpiryNote extends HTMLElement {
  moment = '';

  connectedCallback() {
    shown.add(this);
    timer ??= setInterval(tick, TICK_MILLISECONDS);
  }

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size) return;
    clearInterval(timer);
    timer = undefined;
  }

  update() {
    const left = (new Date(this.moment).getTime() - serviceNow()) / 1000;
    const text = t('expires', { span: spanText(left) });
    if (this.textContent !== text) this.textContent = text;
    if (left > 0) return;
    shown.delete(this);
    this.dispatchEvent(new Event('expired', { bubbles: true }));
  }
}
customElements.define('expiry-note', ExpiryNote);

/**
 * Return a note that counts down to a moment; nothing without one.
 * @param {string | null | undefined} moment as in the API
 */
export function expiryNote(moment) {
  if (!moment) return null;
  const note = new ExpiryNote();
  note.className = 'quiet left';
  note.moment = moment;
  note.update();
  return note;
}
