/** A field for a time, in every form that the API accepts; arrow keys change it. */

import { h, newId } from './dom.js';
import { t } from './texts.js';
import { parseTime, timeText } from './times.js';

/**
 * Return a labelled field. `changed` is called with the seconds of every valid text.
 * @param {string} label
 * @param {(seconds: number) => void} changed
 */
export function timeField(label, changed) {
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

  function read() {
    if (input.value === text) return; // what is shown is rounded: it must not replace the exact time
    const seconds = parseTime(input.value);
    input.setAttribute('aria-invalid', String(seconds === null));
    problem.textContent = seconds === null ? t('time.bad') : '';
    if (seconds !== null && Math.abs(seconds - shown) > 1e-9) changed(seconds);
    else if (seconds !== null) input.value = text;
  }

  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    read();
    changed(Math.max(shown + (event.shiftKey ? step * 10 : step), 0));
  }

  return {
    element: h('div.field', {}, [h('label', { for: id }, label), input, problem]),
    input,
    /** Take over what is being typed. */
    read,
    /** @param {number} seconds */
    show(seconds) {
      shown = seconds;
      text = timeText(seconds);
      input.value = text;
      input.removeAttribute('aria-invalid');
      problem.textContent = '';
    },
  };
}
