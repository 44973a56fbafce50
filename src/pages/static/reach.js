/** Says below an address that is given to others that they cannot reach it. */

import { h } from './dom.js';
import { reachOf } from './hosts.js';
import { t } from './texts.js';

/**
 * Return the note about the first address in a text; null if everyone can reach it.
 * @param {string} text
 * @param {string} [help] what to do about it
 */
export function reachNote(text, help = t('reach.help')) {
  const reach = reachOf(text);
  return reach ? h('p.bad.reach', {}, `${t(`reach.${reach.who}`, { host: reach.host })} ${help}`) : null;
}
