/** The view of the account: space, password, tools for the browser, and for operators the state of the service. */

import { BASE, ApiError, call } from './api.js';
import { announce, fill, h, icon, newId } from './dom.js';
import { loginsCard } from './logins.js';
import { noticeOf, sentenceOf } from './problems.js';
import { restore, session, signOut } from './session.js';
import { has, sizeText, t } from './texts.js';

/** @returns {Promise<HTMLElement>} */
export async function accountView() {
  const me = await call('GET', 'api/auth/me');
  const used = sizeText(me.used_mb * 1e6);
  const space = me.quota_mb === null ? t('account.used', { used }) : t('account.used-of', { used, quota: sizeText(me.quota_mb * 1e6) });
  return h('div.view', {}, [
    h('header.title', {}, [h('h1', {}, t('account.title')), h('p.quiet', {}, me.user.email), h('div.actions', {}, h('button.plain', { on: { click: () => signOut() } }, t('session.leave')))]),
    h('section.card.part-card', {}, [
      h('h2', {}, t('account.space')),
      me.quota_mb ? h('progress', { max: me.quota_mb, value: me.used_mb, 'aria-label': t('account.space') }) : null,
      h('p.quiet', {}, space),
    ]),
    await loginsCard(),
    passwordCard(),
    toolsCard(),
    await operationsCard(),
  ]);
}

function passwordCard() {
  const problem = h('div', { role: 'alert' });
  const field = (/** @type {string} */ label, /** @type {string} */ autocomplete) => {
    const id = newId();
    const input = h('input', { id, type: 'password', autocomplete, minlength: 8, required: true });
    return { input, element: h('div.field', {}, [h('label', { for: id }, label), input]) };
  };
  const old = field(t('account.current'), 'current-password');
  const next = field(t('account.new'), 'new-password');
  return h('section.card.part-card', {}, [
    h('h2', {}, t('account.password')),
    h('p.quiet', {}, t('account.password-how')),
    h('form.bot-form', { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      fill(problem);
      try {
        await call('POST', 'api/auth/change-password', { current_password: old.input.value, new_password: next.input.value });
        announce(t('account.changed'));
        await restore();
      } catch (error) {
        fill(problem, error instanceof ApiError && error.status < 500 ? h('p.bad', {}, sentenceOf(error)) : noticeOf(error));
      }
    } } }, [h('div.pair', {}, [old.element, next.element]), problem, h('div.actions', {}, h('button.primary', { type: 'submit' }, t('account.change')))]),
  ]);
}

function toolsCard() {
  // Run by the browser on the page of a video: it opens this page with the link and the position of the player.
  const script = `javascript:(()=>{const v=document.querySelector('video');open(${JSON.stringify(`${BASE.href}#url=`)}+encodeURIComponent(location.href)+(v?'&t='+Math.floor(v.currentTime):''))})()`;
  const link = h('a.button', { href: script, on: { click: (/** @type {Event} */ event) => {
    event.preventDefault();
    announce(t('account.drag'));
  } } }, [icon('clip'), t('account.bookmark')]);
  const canDrag = matchMedia('(pointer: fine)').matches;
  return h('section.card.part-card', {}, [
    h('h2', {}, t('account.tools')),
    canDrag ? [h('p.quiet', {}, t('account.bookmark-how')), h('div.actions', {}, link)] : null,
    h('p.quiet', {}, t(isSecureContext ? 'account.install' : 'account.install-https')),
  ]);
}

/** What the service says about itself, to those whom it lets know. */
async function operationsCard() {
  if (!session.user) return null;
  let found;
  try {
    found = await call('GET', 'api/diagnostics');
  } catch {
    return null;
  }
  const { files, network } = found.sandbox;
  const rows = [
    ['operations.whole', found.ok ? t('operations.good') : found.reasons.join(' '), found.ok],
    ...Object.entries(found.self_test).map(([name, part]) => [`operations.part-${name}`, part.ok ? t('operations.good') : part.problem, part.ok]),
    ['operations.sandbox', [files, network].filter(Boolean).join(', ') || t('operations.none'), Boolean(files && network)],
    ['operations.ytdlp', t('operations.days', { n: found.ytdlp_age_days ?? 0 }), (found.ytdlp_age_days ?? 0) < 60],
    ...Object.entries(found.queues ?? {}).map(([name, queue]) => [t('operations.queue', { name: t(`queue.${name}`) }), t('operations.jobs', { waiting: queue.waiting, running: queue.running }), true]),
  ];
  return h('section.card.part-card', {}, [
    h('h2', {}, t('operations.title')),
    h('dl.parts', {}, rows.map(([name, text, good]) => [h('dt', {}, has(name) ? t(name) : name.replace('operations.part-', '')), h('dd', { class: good ? 'good' : 'bad' }, text)])),
  ]);
}
