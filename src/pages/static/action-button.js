/** A button that does something slow: it is off meanwhile, and what went wrong is announced. */

import { announce, h, icon } from './dom.js';
import { sentenceOf } from './problems.js';
import { t } from './texts.js';

/**
 * @param {string} symbol name of the icon; empty for none
 * @param {string} key of the text
 * @param {() => Promise<any>} act
 * @param {string} [kind] classes, separated by dots
 */
export function actionButton(symbol, key, act, kind = 'plain') {
  const button = h(`button.${kind}`, {}, [symbol ? icon(symbol) : null, t(key)]);
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      announce(sentenceOf(error));
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
