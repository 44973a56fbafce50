/** The view of chat bots: a command to copy, a test that saves nothing, and links for moderators. */

import { removalButton } from './action-button.js';
import { BASE, call, offers, send } from './api.js';
import { announce, copy, fill, h, icon, newId } from './dom.js';
import { noticeOf, sentenceOf } from './problems.js';
import { reachNote } from './reach.js';
import { momentText, t } from './texts.js';
import { timeText } from './times.js';

const BOTS = {
  nightbot: 'Nightbot', nightbottimers: 'Nightbot (timer)', streamelements: 'StreamElements', fossabot: 'Fossabot', streamerbot: 'Streamer.bot',
  moobot: 'Moobot', streamlabscloudbot: 'Streamlabs Cloudbot', wizebot: 'WizeBot', botisimo: 'Botisimo', botrix: 'BotRix',
  phantombot: 'PhantomBot', mixitup: 'Mix It Up', firebot: 'Firebot',
};
/** They run on the computer of the streamer, and reach what it reaches. */
const LOCAL_BOTS = ['streamerbot', 'phantombot', 'mixitup', 'firebot'];
const LATENCIES = { 'ultra-low': 3, low: 8, normal: 20 };

/** @returns {Promise<HTMLElement>} */
export async function botsView() {
  const made = h('div.made-command', { 'aria-live': 'polite' });
  const tokens = h('div.list');
  const problem = h('div', { role: 'alert' });
  const bot = select(t('bots.bot'), Object.entries(BOTS));
  const latency = select(t('bots.latency'), Object.keys(LATENCIES).map((each) => [each, t(`bots.latency-${each}`)]));
  latency.field.value = 'normal';
  const stream = input(t('bots.stream'), { placeholder: t('bots.stream-example'), maxlength: 200, required: true });
  const before = input(t('bots.before'), { type: 'number', min: 0, max: 3600, value: 60, required: true });
  const length = input(t('bots.length'), { type: 'number', min: 1, max: 3600, value: 90, required: true });
  const share = h('input', { type: 'checkbox', id: 'bot-share', checked: true });
  const diagram = h('div.diagram', { 'aria-hidden': 'true' });
  const words = h('p.quiet.small');

  function showWindow() {
    const [from, seconds, late] = [Number(before.field.value), Number(length.field.value), LATENCIES[/** @type {keyof LATENCIES} */ (latency.field.value)]];
    const [first, last] = [-from - late, -from - late + seconds];
    const whole = Math.max(from + late, seconds, 1) * 1.1;
    const at = (/** @type {number} */ value) => `${Math.min(Math.max(((value + whole) / (whole * 1.15)) * 100, 0), 100)}%`;
    const part = h('span.part', { style: { left: at(first), right: `calc(100% - ${at(Math.min(last, whole * 0.15))})` } });
    fill(diagram, [
      part,
      h('span.mark', { style: { left: at(-late) } }, h('span', {}, t('bots.seen'))),
      h('span.mark.now', { style: { left: at(0) } }, h('span', {}, t('bots.now'))),
    ]);
    words.textContent = t('bots.window', { from: timeText(from), length: timeText(seconds), late });
  }
  for (const each of [latency, before, length]) each.field.addEventListener('input', showWindow);
  showWindow();

  /** @param {string[]} scopes @param {string} name */
  function make(scopes, name) {
    return call('POST', 'api/auth/tokens', {
      name, scopes, stream: stream.field.value.trim() || null, latency: latency.field.value,
      offset: Number(before.field.value), duration: Number(length.field.value), share: share.checked,
    });
  }

  /** @param {SubmitEvent} event */
  async function submitted(event) {
    event.preventDefault();
    fill(problem);
    try {
      const token = await make(['save'], BOTS[/** @type {keyof BOTS} */ (bot.field.value)]);
      show(commandCard(token, bot.field.value));
      await showTokens();
    } catch (error) {
      fill(problem, noticeOf(error));
    }
  }

  async function makeLink() {
    fill(problem);
    if (!form.reportValidity()) return;
    try {
      const token = await make(['save', 'moderate'], t('bots.moderators'));
      const link = `${BASE.href}#m=${token.token}`;
      show(h('div.card.row', {}, [h('h3', {}, t('bots.moderator-link')), h('p.quiet', {}, t('bots.moderator-how')), reachNote(link), copyable(link, t('bots.moderator-link'))]));
      await showTokens();
    } catch (error) {
      fill(problem, noticeOf(error));
    }
  }

  /** @param {HTMLElement} card what was made, below a form that may fill the window */
  function show(card) {
    fill(made, card);
    card.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }

  async function showTokens() {
    const found = (await call('GET', 'api/auth/tokens')).tokens;
    fill(tokens, found.length ? h('h2', {}, t('bots.tokens')) : null, found.map((/** @type {any} */ token) => {
      const revoke = removalButton(async () => {
        await call('DELETE', `api/auth/tokens/${token.id}`);
        announce(t('bots.revoked'));
        await showTokens();
      }, 'bots.revoke');
      const used = token.last_used_at ? t('bots.used', { n: token.uses, when: momentText(token.last_used_at) }) : t('bots.unused');
      return h('div.card.row.token', { role: 'group', 'aria-label': token.name }, [
        h('div.about', {}, [h('h3', {}, token.name), h('p.quiet', {}, [[token.hint, token.stream, used].filter(Boolean).join(' · ')])]),
        h('div.actions', {}, revoke),
      ]);
    }));
  }

  const form = /** @type {HTMLFormElement} */ (h('form.card.bot-form', { on: { submit: submitted } }, [
    h('div.pair', {}, [bot.element, stream.element]),
    h('div.pair.three', {}, [latency.element, before.element, length.element]),
    h('div', {}, [diagram, words]),
    h('div.switch', {}, [share, h('label', { for: 'bot-share' }, t('bots.share'))]),
    h('div.actions', {}, [
      h('button.primary', { type: 'submit' }, t('bots.make')),
      offers('moderate') ? h('button.plain', { on: { click: makeLink } }, t('bots.make-link')) : null,
    ]),
  ]));
  await showTokens();
  return h('div.view', {}, [h('header.title', {}, [h('h1', {}, t('bots.title')), h('p.quiet', {}, t('bots.lead'))]), form, problem, made, tokens]);
}

/** @param {any} token @param {string} bot */
function commandCard(token, bot) {
  const answer = h('p.answer', { role: 'status' });
  const test = h('button.plain', { on: { click: async () => {
    test.disabled = true;
    try {
      const reply = await send('GET', `c/${token.token}?format=text&dry_run=1&user=test`, { headers: { Accept: 'text/plain' } });
      fill(answer, [h('span.quiet', {}, t('bots.answer')), ' ', await reply.text()]);
    } catch (error) {
      fill(answer, sentenceOf(error));
    } finally {
      test.disabled = false;
    }
  } } }, [icon('chat'), t('bots.test')]);
  return h('div.card.row', {}, [
    h('h3', {}, t('bots.command', { bot: BOTS[/** @type {keyof BOTS} */ (bot)] })),
    h('p.quiet', {}, [t(token.commands[bot].startsWith('!') ? 'bots.send' : 'bots.enter'), ' ', t('bots.once')]),
    LOCAL_BOTS.includes(bot) ? null : reachNote(token.commands[bot], t('bots.local')),
    copyable(token.commands[bot], t('bots.command-name')),
    offers('moderate') ? h('div.actions', {}, test) : null,
    answer,
  ]);
}

/** @param {string} text @param {string} name */
function copyable(text, name) {
  const field = h('textarea.code', { readonly: true, rows: 3, 'aria-label': name, own: { value: text }, on: { focus: () => field.select() } });
  const button = h('button.primary', { on: { click: async () => announce((await copy(text)) ? t('copied') : t('copy.by-hand')) } }, [icon('copy'), t('copy')]);
  return h('div.copyable', {}, [field, button]);
}

/** @param {string} label @param {string[][]} options */
function select(label, options) {
  const id = newId();
  const field = /** @type {HTMLSelectElement} */ (h('select', { id }, options.map(([value, text]) => h('option', { value }, text))));
  return { field, element: h('div.field', {}, [h('label', { for: id }, label), field]) };
}

/** @param {string} label @param {Record<string, any>} given */
function input(label, given) {
  const id = newId();
  const field = /** @type {HTMLInputElement} */ (h('input', { id, autocomplete: 'off', ...given }));
  return { field, element: h('div.field', {}, [h('label', { for: id }, label), field]) };
}
