/** Starts the page: texts, login, and the view that the address names. */

import { loadFacts } from './api.js';
import { fill, h, icon } from './dom.js';
import './events.js';
import { homeView } from './home.js';
import { noticeOf } from './problems.js';
import { requireUser, restore, session, signOut } from './session.js';
import { LANGUAGES, chooseLanguage, currentLanguage, loadTexts, t } from './texts.js';

/** @typedef {{ title: string, icon: string, view: (given: Record<string, string>) => Node | Promise<Node>, account?: boolean }} View */

/** @type {Record<string, View>} */
const VIEWS = {
  '': { title: 'nav.home', icon: 'clip', view: (given) => homeView({ link: withTime(given.url, given.t) }) },
};

/** @type {Node | null} */
let home = null;
const main = h('main', { id: 'main', tabindex: '-1' });

/**
 * @param {string | undefined} url
 * @param {string | undefined} time
 */
function withTime(url, time) {
  if (!url || !time) return url;
  try {
    const address = new URL(url);
    address.searchParams.set('t', time);
    return address.href;
  } catch {
    return url;
  }
}

/** Read the part of the address after "#": the name of a view, or fields for the first one. */
function place() {
  const text = location.hash.slice(1);
  if (!text.includes('=')) return { name: text in VIEWS ? text : '', given: /** @type {Record<string, string>} */ ({}) };
  return { name: '', given: Object.fromEntries(new URLSearchParams(text)) };
}

async function navigate() {
  const { name, given } = place();
  const { view, title } = /** @type {View} */ (VIEWS[name]);
  document.title = name ? `${t(title)} – yt-downloader` : 'yt-downloader';
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  // What was chosen on the first view is kept while others are visited.
  if (!name && given.url) home = null;
  const content = name ? await view(given) : (home ??= await view(given));
  fill(main, content);
  if (given.url) history.replaceState(null, '', location.pathname);
}

function frame() {
  const links = Object.entries(VIEWS).map(([name, { title, icon: symbol }]) =>
    h('a', { href: `#${name}` }, [icon(symbol), h('span', {}, t(title))]),
  );
  const account = h('div.account');
  const showAccount = () => fill(account, accountButton());
  session.addEventListener('change', showAccount);
  showAccount();
  const language = h('select', { 'aria-label': t('language'), on: { change: (/** @type {any} */ event) => chooseLanguage(event.target.value) } },
    Object.entries(LANGUAGES).map(([code, name]) => h('option', { value: code, selected: code === currentLanguage() }, name)));
  fill(document.body, [
    h('a.skip', { href: '#main', on: { click: skip } }, t('skip')),
    h('header.top', {}, [
      h('a.brand', { href: '#' }, [h('img', { src: 'page/icon.svg', alt: '', width: 28, height: 28 }), h('span', {}, 'yt-downloader')]),
      links.length > 1 ? h('nav', { 'aria-label': t('nav') }, links) : null,
      account,
    ]),
    main,
    h('footer.bottom', {}, [h('a', { href: 'docs' }, t('footer.api')), language]),
  ]);
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  main.focus();
}

function accountButton() {
  if (!session.user) return h('button.plain', { on: { click: () => requireUser(t('session.why-open')) } }, [icon('user'), h('span', {}, t('session.open'))]);
  return [h('span.quiet.who', {}, session.user.email), h('button.plain', { on: { click: () => signOut() } }, t('session.leave'))];
}

try {
  await Promise.all([loadTexts(), loadFacts()]);
  await restore();
  frame();
  addEventListener('hashchange', () => void navigate());
  await navigate();
} catch (error) {
  fill(document.body, h('main.plain', {}, noticeOf(error)));
}
