/** Knows who is signed in, and opens the sheet that signs in or registers when something needs an account. */

import { ApiError, call, facts, guest, keepGuest } from './api.js';
import { fill, h, newId } from './dom.js';
import { forgetKept } from './kept.js';
import { noticeOf, sentenceOf } from './problems.js';
import { t } from './texts.js';

/** @typedef {{ id: string, email: string }} User */

/** Fires `change` when someone signs in or out, and before it `left` when they wanted to sign out. */
export const session = Object.assign(new EventTarget(), { user: /** @type {User | null} */ (null) });

guest.isUsed = () => facts.guest_clips && session.user === null;

/**
 * Whether clips can be made and listed: by a user, or by a guest where the service allows it.
 * @param {string} why an account is needed
 * @returns {Promise<boolean>}
 */
export async function requireOwner(why) {
  if (session.user || !facts.guest_clips) return (await requireUser(why)) !== null;
  const known = guest.key && (await call('GET', 'api/sessions/').catch(() => null))?.total;
  if (!known) {
    guest.key = '';
    keepGuest((await call('POST', 'api/sessions/')).session_uuid);
  }
  return true;
}

// Several tabs of one browser share the cookie, and therefore the user.
const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('yt-downloader.session') : null;
tabs?.addEventListener('message', () => void follow());
addEventListener('pageshow', (event) => event.persisted && void follow()); // kept by the browser, it has missed messages

/** Another tab has signed in or out. */
async function follow() {
  try {
    const user = await identify();
    if (session.user && session.user.id !== user?.id) leave();
    become(user);
  } catch {
    // The service is away: the next request says who is signed in.
  }
}

/** Forget what the user has chosen: the next one is perhaps another. */
function leave() {
  forgetKept();
  session.dispatchEvent(new Event('left'));
}

/** @param {User | null} user */
function become(user) {
  const changed = session.user?.id !== user?.id;
  session.user = user;
  if (changed) session.dispatchEvent(new Event('change'));
}

/** Find out whether this browser is signed in already. */
export async function restore() {
  try {
    become(await identify());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    become(null);
  }
}

/** @returns {Promise<User | null>} */
async function identify() {
  try {
    return (await call('GET', 'api/auth/me')).user;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** A login was answered, and its cookie shows who is signed in now, in all tabs. */
async function entered() {
  const user = await identify();
  if (!user) throw new ApiError(401, 'COOKIES_REFUSED', '');
  become(user);
  tabs?.postMessage('entered');
}

/** End this login. */
export async function signOut() {
  try {
    await call('POST', 'api/auth/logout');
  } finally {
    leave();
    become(null);
    tabs?.postMessage('left');
  }
}

/** The login has ended elsewhere. */
export function signedOut() {
  become(null);
}

/**
 * Sign in; an address that has no account gets one.
 * @param {string} email
 * @param {string} password
 * @returns {Promise<boolean>} whether an account was created
 */
async function enter(email, password) {
  try {
    await signIn(email, password);
    return false;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'CREDENTIALS_INVALID') throw error;
    try {
      await call('POST', 'api/auth/register', { email, password });
    } catch (refused) {
      // The address has an account: then the password was wrong, as the first answer says.
      throw refused instanceof ApiError && refused.code === 'EMAIL_TAKEN' ? error : refused;
    }
    await entered(); // the answer of the registration has signed in
    return true;
  }
}

/**
 * @param {string} email
 * @param {string} password
 */
async function signIn(email, password) {
  await call('POST', 'api/auth/login', { email, password });
  await entered();
}

/** @type {Promise<User | null> | null} */
let asking = null;

/**
 * Return the user; ask for a login first if there is none. Null if the sheet was closed.
 * @param {string} why
 * @returns {Promise<User | null>}
 */
export async function requireUser(why) {
  if (session.user) return session.user;
  asking ??= ask(why).finally(() => {
    asking = null;
  });
  return asking;
}

/**
 * @param {string} why
 * @returns {Promise<User | null>}
 */
function ask(why) {
  return new Promise((done) => {
    const [email, password] = [newId(), newId()];
    const problem = h('div', { role: 'alert' });
    const submit = h('button.primary', { type: 'submit' }, t('session.enter'));
    const emailField = h('input', { id: email, type: 'email', name: 'email', autocomplete: 'username', required: true });
    const passwordField = h('input', {
      id: password,
      type: 'password',
      name: 'password',
      autocomplete: 'current-password',
      minlength: 8,
      required: true,
    });
    const form = h('form', { on: { submit: submitted }, 'aria-labelledby': 'sheet-title' }, [
      h('h2', { id: 'sheet-title' }, t('session.title')),
      h('p.quiet', {}, why),
      h('label', { for: email }, t('session.email')),
      emailField,
      h('label', { for: password }, t('session.password')),
      passwordField,
      h('p.hint', {}, t('session.hint')),
      problem,
      h('div.actions', {}, [
        h('button.plain', { on: { click: () => sheet.close() } }, t('cancel')),
        submit,
      ]),
    ]);
    const sheet = h('dialog.sheet', { on: { close: closed } }, form);

    /** @param {SubmitEvent} event */
    async function submitted(event) {
      event.preventDefault();
      submit.disabled = true;
      fill(submit, [h('span.spinner', { 'aria-hidden': 'true' }), t('session.busy')]);
      fill(problem);
      try {
        await enter(emailField.value.trim(), passwordField.value);
        sheet.close();
      } catch (error) {
        fill(problem, error instanceof ApiError && error.status < 500 ? h('p.bad', {}, sentenceOf(error)) : noticeOf(error));
        passwordField.focus();
      } finally {
        submit.disabled = false;
        fill(submit, t('session.enter'));
      }
    }
    function closed() {
      sheet.remove();
      done(session.user);
    }
    document.body.append(sheet);
    sheet.showModal();
    emailField.focus();
  });
}
