/** Speaks with the API of this service: relative addresses, JSON, errors with their codes. */

import { forgetStored, store, storedText } from './storage.js';

/** Where the service is, also below a path of a proxy. */
export const BASE = new URL('../', import.meta.url);

/** @typedef {'user' | 'operator' | 'later' | 'developer'} Who */

/** An answer of the service that is an error, or no answer (`NETWORK_DOWN`). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {Record<string, any>} details
   */
  constructor(status, code, message, details = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/**
 * @typedef {object} Facts what this installation offers
 * @property {number} longest_clip_seconds
 * @property {number} largest_upload_bytes
 * @property {string[]} upload_types extensions, without the dot
 * @property {number} retention_minutes
 * @property {string} default_resolution
 * @property {boolean} guest_clips
 * @property {string[]} features
 * @property {Record<string, string[]>} who
 */

/** @type {Facts} */
export let facts = {
  longest_clip_seconds: 3600,
  largest_upload_bytes: 500e6,
  upload_types: [],
  retention_minutes: 30,
  default_resolution: '1080p',
  guest_clips: false,
  features: [],
  who: {},
};

/** Read what this installation offers. */
export async function loadFacts() {
  facts = await call('GET', 'page/facts.json');
}

/**
 * Whether the API has what a part of the page needs.
 * @param {string} feature
 */
export function offers(feature) {
  return facts.features.includes(feature);
}

/**
 * Return who can act on an error.
 * @param {string} code
 * @returns {Who}
 */
export function whoCanAct(code) {
  const found = Object.entries(facts.who).find(([, codes]) => codes.includes(code));
  return /** @type {Who} */ (found?.[0] ?? 'user');
}

/** The headers of every request: a form of another site cannot send the first one.
 * @type {Record<string, string>}
 */
export const HEADERS = { 'X-Requested-With': 'yt-downloader' };

const STORED_GUEST = 'guest';

/** The guest session of this tab, which makes clips where the service allows it; a login comes first. */
export const guest = {
  key: storedText(STORED_GUEST, (text) => /^[\w-]+$/.test(text), 'sessionStorage'),
  /** @type {() => boolean} */
  isUsed: () => false,
};

/** @param {string} key */
export function keepGuest(key) {
  guest.key = key;
  store(STORED_GUEST, key, 'sessionStorage');
}

const AWAY = [502, 503, 504]; // how a proxy says that there is no service behind it

let ahead = 0;

/** Return the time by the clock of the service, in milliseconds: that of the reader may be wrong. */
export function serviceNow() {
  return Date.now() + ahead;
}

/**
 * Return the full address of a path of this service.
 * @param {string} path without a slash at the beginning
 */
export function address(path) {
  return new URL(path.replace(/^\//, ''), BASE).href;
}

/**
 * Send a request and return the answer.
 * @param {string} method
 * @param {string} path
 * @param {{ json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal }} [given]
 * @returns {Promise<Response>}
 */
export async function send(method, path, given = {}) {
  /** @type {Record<string, string>} */
  const headers = { ...HEADERS, Accept: 'application/json', ...given.headers };
  if (guest.key && guest.isUsed()) headers['X-Session-ID'] = guest.key;
  let body = given.body;
  if (given.json !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(given.json);
  }
  let reply;
  try {
    reply = await fetch(address(path), { method, headers, body, signal: given.signal, credentials: 'same-origin' });
  } catch (error) {
    if (given.signal?.aborted) throw error;
    throw new ApiError(0, 'NETWORK_DOWN', 'The service cannot be reached.');
  }
  const date = Date.parse(reply.headers.get('Date') ?? '');
  if (date) ahead = date - Date.now();
  if (reply.ok) return reply;
  const told = await reply.json().catch(() => ({}));
  if (!told.code && AWAY.includes(reply.status)) throw new ApiError(reply.status, 'NETWORK_DOWN', 'The service cannot be reached.');
  throw new ApiError(reply.status, told.code ?? 'UNKNOWN', told.error ?? reply.statusText, told.details ?? {});
}

const RELOADED = 'reloaded';

/** @type {Set<string>} modules that did not arrive */
const missed = new Set();

/**
 * Load a module that is not here yet; where it cannot be, say why.
 *
 * A browser may remember for as long as the page lives that a module did not arrive (HTML, "fetch a single module
 * script"; Chromium at least up to version 150). So when it is asked for again, the service answers, and it still does
 * not arrive, the page is loaded again: once, until the module has arrived.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} load
 * @param {string} [hash] what the page shows when it is loaded again
 * @returns {Promise<T>}
 */
export async function loaded(name, load, hash = location.hash) {
  const before = missed.has(name);
  try {
    return await arriving(name, load);
  } catch {
    missed.add(name);
    await send('GET', 'page/facts.json'); // browsers do not say why: perhaps the service is away
    return arriving(name, load).catch((error) => {
      if (!(error instanceof TypeError)) throw error;
      if (before && !storedText(RELOADED, (text) => text === name, 'sessionStorage')) {
        store(RELOADED, name, 'sessionStorage');
        history.replaceState(null, '', hash || location.pathname);
        location.reload();
      }
      throw new ApiError(0, 'NETWORK_DOWN', 'The service cannot be reached.');
    });
  }
}

/**
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} load
 */
async function arriving(name, load) {
  const module = await load();
  if (storedText(RELOADED, (text) => text === name, 'sessionStorage')) forgetStored(RELOADED, 'sessionStorage');
  missed.delete(name);
  return module;
}

/**
 * Send a request and return the JSON of the answer.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [json]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function call(method, path, json, signal) {
  const reply = await send(method, path, { json, signal });
  return reply.status === 204 ? null : reply.json();
}
