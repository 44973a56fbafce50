/** Gives every text of the page in the language of the reader; the tables are `texts.*.js`. */

import { store, storedText } from './storage.js';

/** @typedef {Record<string, string>} Table */

export const LANGUAGES = { en: 'English', de: 'Deutsch' };
const STORED = 'language';

/** @type {Table} */
let table = {};
let language = 'en';

/** Load the table of the language that was chosen, otherwise that of the browser, otherwise English. */
export async function loadTexts() {
  const wanted = [storedText(STORED, isKnown), ...navigator.languages.map((each) => each.slice(0, 2).toLowerCase())];
  language = wanted.find(isKnown) ?? 'en';
  table = (language === 'de' ? await import('./texts.de.js') : await import('./texts.en.js')).TEXTS;
  document.documentElement.lang = language;
}

/** Return the code of the language in use. */
export function currentLanguage() {
  return language;
}

/**
 * Use another language from now on; the page is loaded again.
 * @param {string} code
 */
export function chooseLanguage(code) {
  store(STORED, code);
  location.reload();
}

/** @param {string} code */
function isKnown(code) {
  return Object.hasOwn(LANGUAGES, code);
}

/**
 * Return a text. `{name}` is replaced by the value of that name; with a number `n` the form `key.one` is used where
 * the language wants it.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const one = typeof values.n === 'number' && new Intl.PluralRules(language).select(values.n) === 'one';
  const text = (one ? table[`${key}.one`] : undefined) ?? table[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Whether there is such a text.
 * @param {string} key
 */
export function has(key) {
  return key in table;
}

/**
 * Return a number with at most so many decimals, as the language writes it.
 * @param {number} number
 * @param {number} [digits]
 */
export function numberText(number, digits = 1) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(number);
}

/** Return what the language writes between the whole and the decimals of a number. */
export function decimalMark() {
  return new Intl.NumberFormat(language).formatToParts(0.5).find(({ type }) => type === 'decimal')?.value ?? '.';
}

/**
 * Return the sentences about a file: those of the language, otherwise those of the service; each once.
 * @param {{ code: string, text: string }[]} notes
 * @param {Record<string, any>} [values]
 */
export function noteTexts(notes, values = {}) {
  return [...new Set(notes.map(({ code, text }) => (has(`note.${code}`) ? t(`note.${code}`, values) : text)))];
}

/**
 * Return what the API says about the speed and the time left: "0.3 MB/s", "2.5×", "00:12 left".
 * @param {{ speed?: string | null, eta?: string | null }} reading
 */
export function paceTexts({ speed, eta }) {
  const [, factor, unit] = /^([\d.]+)(x|MB\/s)$/.exec(speed ?? '') ?? [];
  const known = Number(factor) >= 0.05; // less is shown as zero
  return [known ? numberText(Number(factor)) + (unit === 'x' ? '×' : ` ${unit}`) : '', /[1-9]/.test(eta ?? '') ? t('progress.left', { eta: eta ?? '' }) : ''];
}

/**
 * Return a size such as "1.2 MB".
 * @param {number} bytes
 */
export function sizeText(bytes) {
  const [unit, divisor] = bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e5 ? ['MB', 1e6] : ['kB', 1e3];
  const digits = divisor === 1e3 ? 0 : 1;
  return `${numberText(bytes / divisor, digits)} ${unit}`;
}

/**
 * Return how long something lasts, in words: "2 h 5 min", "4 min", "30 s".
 * @param {number} seconds
 */
export function spanText(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  if (whole < 60) return t('span.seconds', { seconds: whole });
  if (whole < 3600) return t('span.minutes', { minutes: Math.round(whole / 60) });
  if (whole < 48 * 3600) return t('span.hours', { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60) });
  return t('span.days', { n: Math.round(whole / 86400) });
}

/**
 * Return a day and time.
 * @param {string} moment as in the API
 */
export function momentText(moment) {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(moment));
}

/**
 * Return the time of day with its seconds.
 * @param {number} moment milliseconds
 */
export function clockText(moment) {
  return new Intl.DateTimeFormat(language, { timeStyle: 'medium' }).format(moment);
}
