/** Buttons that do something slow: they are off meanwhile, and what went wrong is announced. */

import { announce, fill, h, icon } from './dom.js';
import { sentenceOf } from './problems.js';
import { t } from './texts.js';

const ASKED_MILLISECONDS = 5000;

/**
 * @param {string} symbol name of the icon; empty for none
 * @param {string} key of the text
 * @param {() => Promise<any>} act
 * @param {string} [kind] classes, separated by dots
 */
export function actionButton(symbol, key, act, kind = 'plain') {
  const button = h(`button.${kind}`, { on: { click: () => run(button, act) } }, [symbol ? icon(symbol) : null, t(key)]);
  return button;
}

/**
 * Return a button for what cannot be undone: the first press asks, and a second one soon after it acts.
 * @param {() => Promise<any>} act
 * @param {string} [key] of the text; `key.sure` asks
 */
export function removalButton(act, key = 'delete') {
  const show = (/** @type {boolean} */ asks) => {
    button.classList.toggle('sure', asks);
    fill(button, [icon('trash'), t(asks ? `${key}.sure` : key)]);
  };
  const button = h('button.plain.removal', { on: { click: pressed, blur: () => show(false) } });
  async function pressed() {
    if (button.classList.contains('sure')) {
      show(false);
      await run(button, act);
      return;
    }
    show(true);
    announce(t(`${key}.sure`), { seen: true });
    setTimeout(() => show(false), ASKED_MILLISECONDS);
  }
  show(false);
  return button;
}

/** @param {HTMLButtonElement} button @param {() => Promise<any>} act */
async function run(button, act) {
  button.disabled = true;
  try {
    await act();
  } catch (error) {
    announce(sentenceOf(error));
  } finally {
    button.disabled = false;
  }
}
