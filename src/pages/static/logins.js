/** The logins of the account: where it is signed in, and a button that ends one. */

import { removalButton } from './action-button.js';
import { call } from './api.js';
import { announce, fill, h } from './dom.js';
import { momentText, t } from './texts.js';

const BROWSERS = [['Firefox/', 'Firefox'], ['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']];
const SYSTEMS = [['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['Linux', 'Linux']];

/** @returns {Promise<HTMLElement>} */
export async function loginsCard() {
  const list = h('div.list.logins');

  async function show() {
    const { logins } = await call('GET', 'api/auth/logins');
    fill(list, logins.map((/** @type {any} */ login) => {
      const name = nameOf(login.client ?? '');
      const end = removalButton(async () => {
        await call('DELETE', `api/auth/logins/${login.id}`);
        announce(t('logins.ended'));
        await show();
      }, 'logins.end');
      return h('div.token.login', { role: 'group', 'aria-label': name }, [
        h('div.about', {}, [h('h3', {}, name), h('p.quiet.small', {}, t('logins.since', { when: momentText(login.created_at) }))]),
        login.current ? h('span.quiet', {}, t('logins.current')) : h('div.actions', {}, end),
      ]);
    }));
  }
  await show();
  return h('section.card.part-card', {}, [h('h2', {}, t('logins.title')), list]);
}

/**
 * Return a name for a program: browser and system where they are known.
 * @param {string} client what it called itself
 */
export function nameOf(client) {
  const known = (/** @type {string[][]} */ names) => names.find(([sign]) => client.includes(/** @type {string} */ (sign)))?.[1];
  const [browser, system] = [known(BROWSERS), known(SYSTEMS)];
  if (browser && system) return t('logins.browser', { browser, system });
  return browser ?? (client.split('/')[0]?.slice(0, 40) || t('logins.unknown'));
}
