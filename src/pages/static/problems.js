/** Says in plain words what went wrong and who can do something about it. */

import { ApiError, whoCanAct } from './api.js';
import { h, icon } from './dom.js';
import { has, t } from './texts.js';

/**
 * Return the sentence for a code; for a code without one, that of the service.
 * @param {string} code
 * @param {string} message
 */
export function sentence(code, message) {
  return has(`error.${code}`) ? t(`error.${code}`) : message || t('error.UNKNOWN');
}

/**
 * Return the sentence about anything that was thrown.
 * @param {unknown} error
 */
export function sentenceOf(error) {
  if (!(error instanceof ApiError)) return t('error.page');
  const said = sentence(error.code, error.message);
  const wait = Number(error.details.retry_after_seconds);
  return wait > 0 ? `${said} ${t('error.wait', { seconds: Math.ceil(wait) })}` : said;
}

/**
 * Return a notice: what happened, and who can help.
 * @param {string} code
 * @param {string} message
 * @param {...(Node | string | false | null)} actions
 */
export function notice(code, message, ...actions) {
  const who = whoCanAct(code);
  const key = [`help.${code}`, `who.${who}`].find(has);
  return h('div.notice', { data: { who, code } }, [
    icon('alert'),
    h('div', {}, [h('p.what', {}, sentence(code, message)), key ? h('p.help', {}, t(key)) : null, ...actions]),
  ]);
}

/**
 * Return a notice about anything that was thrown.
 * @param {unknown} error
 * @param {...(Node | string | false | null)} actions
 */
export function noticeOf(error, ...actions) {
  return error instanceof ApiError ? notice(error.code, sentenceOf(error), ...actions) : notice('PAGE', t('error.page'), ...actions);
}

/**
 * Whether trying the same again can help.
 * @param {string} code
 */
export function retryHelps(code) {
  return whoCanAct(code) !== 'user' || code === 'CANCELLED';
}
