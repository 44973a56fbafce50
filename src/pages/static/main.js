/** Starts the page: texts, login, and the view that the address names. */

import { ApiError, guest, loadFacts, loaded, send } from './api.js';
import { fill, h, icon } from './dom.js';
import './events.js';
import { homeView } from './home.js';
import { noticeOf } from './problems.js';
import { repeat } from './repeat.js';
import { requireUser, restore, session } from './session.js';
import { LANGUAGES, chooseLanguage, currentLanguage, loadTexts, t } from './texts.js';

/** @typedef {{ title: string, icon: string, view: (given: Record<string, string>) => Node | Promise<Node>, account?: boolean, lead?: string }} View */

/** @type {Record<string, View>} */
const VIEWS = {
  '': { title: 'nav.home', icon: 'clip', view: (given) => homeView({ link: withTime(given.url, given.t), range: rangeOf(given) }) },
  clips: { title: 'nav.clips', icon: 'list', account: true, lead: 'clips.lead', view: async () => (await loaded('clips.js', () => import('./clips.js'))).clipsView() },
  uploads: { title: 'nav.uploads', icon: 'upload', account: true, lead: 'uploads.lead', view: async () => (await loaded('uploads.js', () => import('./uploads.js'))).uploadsView() },
  bots: { title: 'nav.bots', icon: 'chat', account: true, lead: 'bots.lead', view: async () => (await loaded('bots.js', () => import('./bots.js'))).botsView() },
  account: { title: 'nav.account', icon: 'user', account: true, view: async () => (await loaded('account.js', () => import('./account.js'))).accountView() },
};

const AWAY_MILLISECONDS = 3000;

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

/** @param {Record<string, string>} given */
function rangeOf({ from, to }) {
  const [start, end] = [Number(from), Number(to)];
  return from && to && start >= 0 && end > start ? { start, end } : undefined;
}

/** Read the part of the address after "#": the name of a view, or fields for the first one. */
function place() {
  const text = location.hash.slice(1);
  if (!text.includes('=')) return { name: Object.hasOwn(VIEWS, text) ? text : '', given: /** @type {Record<string, string>} */ ({}) };
  return { name: '', given: Object.fromEntries(new URLSearchParams(text)) };
}

let visit = 0;

async function navigate() {
  const { name, given } = place();
  const mine = (visit += 1);
  const { title } = /** @type {View} */ (VIEWS[name]);
  document.title = name ? `${t(title)} – yt-downloader` : 'yt-downloader';
  document.body.classList.toggle('moderating', Boolean(given.m));
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('href') === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (given.url) history.replaceState(null, '', location.pathname);
  const content = await contentOf(name, given).catch((error) => failed(error, mine));
  if (mine !== visit) return; // another view was opened meanwhile
  fill(main, content);
  scrollTo(0, 0);
}

/**
 * Return what is shown in place of a view; when the service was away and answers again, the view is opened.
 * @param {unknown} error
 * @param {number} mine which visit it is
 */
function failed(error, mine) {
  if (!(error instanceof ApiError) || error.code !== 'NETWORK_DOWN') return noticeOf(error);
  const again = async () => {
    if (mine !== visit) return stop(); // another view was opened meanwhile
    await send('GET', 'page/facts.json').then(navigate, () => undefined);
  };
  const stop = repeat(again, AWAY_MILLISECONDS, () => document.visibilityState === 'visible');
  return noticeOf(error, h('div.actions', {}, h('button.plain', { on: { click: again } }, t('retry'))));
}

/**
 * @param {string} name
 * @param {Record<string, string>} given
 */
async function contentOf(name, given) {
  const { view, account, title, lead } = /** @type {View} */ (VIEWS[name]);
  if (given.m) return (await loaded('moderate.js', () => import('./moderate.js'))).moderateView(given.m);
  // What was chosen on the first view is kept while others are visited.
  if (!name) {
    if (given.url || !home) home = await view(given);
    return home;
  }
  const isGuests = name === 'clips' && guest.key && guest.isUsed();
  if (account && !session.user && !isGuests) {
    const open = h('button.primary', { on: { click: () => requireUser(t('session.why-open')) } }, t('session.open'));
    return h('div.prompt', {}, [h('h1', {}, t(title)), lead ? h('p', {}, t(lead)) : null, h('p.quiet', {}, t('account.needed')), open]);
  }
  return view(given);
}

function frame() {
  const links = Object.entries(VIEWS).filter(([name]) => name !== 'account').map(([name, { title, icon: symbol }]) =>
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
  return h('a.button', { href: '#account', title: session.user.email }, [icon('user'), h('span.who', {}, session.user.email)]);
}

try {
  await Promise.all([loadTexts(), loadFacts(), restore()]);
  frame();
  addEventListener('hashchange', () => void navigate());
  session.addEventListener('left', () => {
    home = null;
  });
  session.addEventListener('change', () => {
    const { name, given } = place();
    if (VIEWS[name]?.account || !(home || given.m)) void navigate();
  });
  addEventListener('dragover', (event) => event.dataTransfer?.types.includes('Files') && event.preventDefault());
  addEventListener('drop', async (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    (await loaded('uploads.js', () => import('./uploads.js'))).take(files);
    if (place().name === 'uploads') await navigate();
    else location.hash = 'uploads';
  });
  await navigate();
} catch (error) {
  fill(document.body, h('main.plain', {}, noticeOf(error)));
}
