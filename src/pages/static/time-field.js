/** A field for a time, in every form that the API accepts; arrow keys change it. */

import { h, newId } from './dom.js';
import { t } from './texts.js';
import { parseTime, timeText } from './times.js';

/**
 * Return a labelled field. `changed` is called with the seconds of every valid text; what was typed and cannot be used
 * stays in the field until it is corrected.
 * @param {string} label
 * @param {(seconds: number) => void} changed
 * @param {(seconds: number) => string} fault why a time cannot be used, or an empty text
 */
export function timeField(label, changed, fault) {
  const id = newId();
  const problem = /** @type {HTMLElement} */ (h('span.bad.small', { id: `${id}p`, role: 'alert' }));
  const input = /** @type {HTMLInputElement} */ (
    h('input.time', {
      id,
      type: 'text',
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-describedby': `${id}p`,
      title: t('time.forms'),
      on: { change: read, keydown: pressed, focus: () => input.select() },
    })
  );
  let shown = 0;
  let text = '';
  let refused = '';

  /** @param {string} reason why the field cannot be used as it is, or an empty text */
  function complain(reason) {
    input.setAttribute('aria-invalid', String(Boolean(reason)));
    if (problem.textContent !== reason) problem.textContent = reason;
  }

  function read() {
    if (input.value === text) {
      complain(refused);
      return; // what is shown is rounded: it must not replace the exact time
    }
    const seconds = parseTime(input.value);
    complain(seconds === null ? t('time.bad') : fault(seconds));
    if (seconds === null || problem.textContent) return;
    if (Math.abs(seconds - shown) > 1e-9) changed(seconds);
    else input.value = text;
    complain(refused);
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    read();
    const seconds = Math.max(shown + (event.shiftKey ? step * 10 : step), 0);
    if (!fault(seconds)) changed(seconds);
  }

  return {
    element: h('div.field', {}, [h('label', { for: id }, label), input, problem]),
    input,
    /** Take over what is being typed. Return whether the field can be used as it is. */
    read() {
      read();
      return !problem.textContent;
    },
    /**
     * Show a time. What is being typed stays while the time is the same.
     * @param {number} seconds
     * @param {string} [reason] why the time cannot be used with the others
     */
    show(seconds, reason = '') {
      const typed = text !== '' && input.value !== text && seconds === shown;
      shown = seconds;
      text = timeText(seconds);
      refused = reason;
      if (typed) return;
      input.value = text;
      complain(reason);
    },
    /** Bring the field and what is wrong with it into the window, clear of what covers its edges. */
    point() {
      input.focus({ preventScroll: true });
      input.parentElement?.scrollIntoView({ block: 'center' });
    },
  };
}
