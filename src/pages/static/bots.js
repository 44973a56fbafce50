/** The view of chat bots: a command to copy, a test that saves nothing, and links for moderators. */

import { removalButton } from './action-button.js';
import { BASE, call, offers, send } from './api.js';
import { aroundCommand, namesOneVideo, spoken } from './chat-words.js';
import { announce, copy, fill, h, icon, newId } from './dom.js';
import { noticeOf, sentenceOf } from './problems.js';
import { reachNote } from './reach.js';
import { repeat } from './repeat.js';
import { momentText, t } from './texts.js';

const BOTS = {
  nightbot: 'Nightbot', nightbottimers: 'Nightbot (timer)', streamelements: 'StreamElements', fossabot: 'Fossabot', streamerbot: 'Streamer.bot',
  moobot: 'Moobot', streamlabscloudbot: 'Streamlabs Cloudbot', wizebot: 'WizeBot', botisimo: 'Botisimo', botrix: 'BotRix',
  phantombot: 'PhantomBot', mixitup: 'Mix It Up', firebot: 'Firebot',
};
/** They run on the computer of the streamer, and reach what it reaches. */
const LOCAL_BOTS = ['streamerbot', 'phantombot', 'mixitup', 'firebot'];
const ASK_MILLISECONDS = 5000;
const NO_STREAM = ['VIDEO_ID_INVALID', 'URL_INVALID'];
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
    words.textContent = `${windowText(from, seconds)} ${t('bots.late', { late })}`;
  }
  for (const each of [latency, before, length]) each.field.addEventListener('input', showWindow);
  showWindow();

  stream.field.addEventListener('input', () => {
    stream.say('');
    stream.hint(namesOneVideo(stream.field.value) ? t('bots.one-video') : '');
  });

  /** @param {unknown} error */
  function tell(error) {
    if (!NO_STREAM.includes(/** @type {any} */ (error).code)) return fill(problem, noticeOf(error));
    stream.say(t('bots.no-stream'));
    return stream.field.focus();
  }

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
      show(token.id, commandCard(token, bot.field.value, share.checked));
      await showTokens();
    } catch (error) {
      tell(error);
    }
  }

  async function makeLink() {
    fill(problem);
    if (!form.reportValidity()) return;
    try {
      const token = await make(['save', 'moderate'], t('bots.moderators'));
      const link = `${BASE.href}#m=${token.token}`;
      show(token.id, h('div.card.row', {}, [h('h3', {}, t('bots.moderator-link')), h('p.quiet', {}, t('bots.moderator-how')), reachNote(link), copyable(link, t('bots.moderator-link'))]));
      await showTokens();
    } catch (error) {
      tell(error);
    }
  }

  /** @param {string} id @param {HTMLElement} card what was made, below a form that may fill the window */
  function show(id, card) {
    madeId = id;
    fill(made, card);
    card.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }

  let madeId = '';
  /** @type {Map<string, { element: HTMLElement, about: HTMLElement }>} */
  const known = new Map();

  /** Rows stay while only their use changes, so that focus is not lost. */
  async function showTokens() {
    const found = (await call('GET', 'api/auth/tokens')).tokens;
    if (madeId && !found.some((/** @type {any} */ each) => each.id === madeId)) {
      madeId = '';
      fill(made, h('p.card.row.quiet', {}, t('bots.revoked')));
    }
    const shown = found.map((/** @type {any} */ token) => {
      const row = known.get(token.id) ?? tokenRow(token);
      known.set(token.id, row);
      const used = token.last_used_at ? t('bots.used', { n: token.uses, when: momentText(token.last_used_at) }) : t('bots.unused');
      row.about.textContent = [token.hint, token.stream, used].filter(Boolean).join(' · ');
      return row.element;
    });
    const there = [...tokens.querySelectorAll('.token')];
    if (shown.length !== there.length || shown.some((/** @type {Element} */ each, /** @type {number} */ place) => each !== there[place])) {
      fill(tokens, [shown.length ? h('h2', {}, t('bots.tokens')) : null, ...shown]);
    }
  }

  /** @param {any} token */
  function tokenRow(token) {
    const revoke = removalButton(async () => {
      await call('DELETE', `api/auth/tokens/${token.id}`);
      announce(t('bots.revoked'));
      await showTokens();
    }, 'bots.revoke');
    const about = h('p.quiet');
    const element = h('div.card.row.token', { role: 'group', 'aria-label': token.name }, [
      h('div.about', {}, [h('h3', {}, token.name), about]),
      h('div.actions', {}, revoke),
    ]);
    return { element, about };
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
  const view = h('div.view', {}, [h('header.title', {}, [h('h1', {}, t('bots.title')), h('p.quiet', {}, t('bots.lead'))]), form, problem, made, tokens]);
  const stop = repeat(async () => (view.isConnected ? showTokens().catch(() => undefined) : stop()), ASK_MILLISECONDS, () => document.visibilityState === 'visible');
  return view;
}

/** Say which part of the stream a command saves, in the words of its answer. @param {number} offset @param {number} duration */
function windowText(offset, duration) {
  const { before, after } = aroundCommand(offset, duration);
  if (!before) return t('bots.next', { after: spoken(after) });
  return after ? t('bots.last-and-next', { before: spoken(before), after: spoken(after) }) : t('bots.last', { before: spoken(before) });
}

/** @param {any} token @param {string} bot @param {boolean} hasLink whether the chat gets a link to the clip */
function commandCard(token, bot, hasLink) {
  const answer = h('p.answer', { role: 'status' });
  const test = h('button.plain', { on: { click: async () => {
    test.disabled = true;
    try {
      const reply = await send('GET', `c/${token.token}?format=text&dry_run=1&user=test`, { headers: { Accept: 'text/plain' } });
      fill(answer, [h('span.quiet', {}, t('bots.answer')), ' ', await reply.text(), hasLink ? h('span.quiet', {}, ` ${t('bots.answer-link')}`) : null]);
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
  const [id, below] = [newId(), newId()];
  const field = /** @type {HTMLInputElement} */ (h('input', { id, autocomplete: 'off', 'aria-describedby': below, ...given }));
  const problem = h('p.bad.small', { role: 'alert' });
  const hint = h('p.quiet.small', { role: 'status' });
  /** Say what is wrong with what was written; nothing if it is empty. @param {string} text */
  function say(text) {
    problem.textContent = text;
    field.setAttribute('aria-invalid', String(Boolean(text)));
    if (text) hint.textContent = '';
  }
  const element = h('div.field', {}, [h('label', { for: id }, label), field, h('div', { id: below }, [problem, hint])]);
  return { field, element, say, hint: (/** @type {string} */ text) => { hint.textContent = text; } };
}
