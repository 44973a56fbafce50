/** Sends a file in pieces by tus 1.0.0, so that an upload can be paused, and resumed after the page was closed. */

import { ApiError, send } from './api.js';
import { Pieces } from './pieces.js';
import { session } from './session.js';
import { store, storedJson } from './storage.js';

const PAUSES = [1000, 3000, 8000, 20000];
const STORED = 'uploads';
const MOST_STORED = 20;
const VERSION = { 'Tus-Resumable': '1.0.0' };

/** @typedef {{ id: string, name: string, size: number, changed: number, user?: string }} Unfinished */

/**
 * @param {any} entry
 * @returns {entry is Unfinished}
 */
function isUnfinished(entry) {
  return typeof entry?.id === 'string' && /^[\w-]+$/.test(entry.id) && typeof entry.name === 'string';
}

/** @returns {Unfinished[]} uploads that this browser has begun */
function known() {
  const found = storedJson(STORED);
  return Array.isArray(found) ? found.filter(isUnfinished) : [];
}

/** @returns {Unfinished[]} those of this user; others have perhaps used this browser before */
export function unfinished() {
  return known().filter((each) => each.user === undefined || each.user === session.user?.id);
}

/** @param {Unfinished[]} uploads */
function keep(uploads) {
  store(STORED, JSON.stringify(uploads.slice(-MOST_STORED)));
}

/** @param {string} id */
export function forget(id) {
  keep(known().filter((each) => each.id !== id));
}

/** Fires `progress`, `state`, and at the end `done` or `problem` with an error. */
export class Upload extends EventTarget {
  /** @param {File} file */
  constructor(file) {
    super();
    this.file = file;
    this.sent = 0;
    this.id = unfinished().find((each) => each.name === file.name && each.size === file.size && each.changed === file.lastModified)?.id ?? '';
    /** @type {AbortController | null} */
    this.current = null;
  }

  get running() {
    return this.current !== null;
  }

  pause() {
    this.current?.abort();
    this.current = null;
    this.dispatchEvent(new Event('state'));
  }

  async run() {
    const mine = new AbortController();
    this.current = mine;
    this.dispatchEvent(new Event('state'));
    let failures = 0;
    while (this.current === mine) {
      try {
        await this.sendRest(mine.signal);
        this.current = null;
        forget(this.id);
        this.dispatchEvent(new CustomEvent('done', { detail: this.id }));
        return;
      } catch (error) {
        if (mine.signal.aborted) return;
        const temporary = error instanceof ApiError && (error.status === 0 || error.status === 409 || error.status >= 500);
        if (!temporary || failures >= PAUSES.length) {
          this.pause();
          this.dispatchEvent(new CustomEvent('problem', { detail: error }));
          return;
        }
        await new Promise((done) => setTimeout(done, PAUSES[failures]));
        failures += 1;
      }
    }
  }

  /** @param {AbortSignal} signal */
  async sendRest(signal) {
    await this.begin(signal);
    const pieces = new Pieces();
    while (this.sent < this.file.size) {
      const piece = this.file.slice(this.sent, this.sent + pieces.size);
      const began = performance.now();
      const headers = { ...VERSION, 'Upload-Offset': String(this.sent), 'Content-Type': 'application/offset+octet-stream' };
      const reply = await send('PATCH', `api/encode/tus/${this.id}`, { body: piece, headers, signal });
      this.sent = Number(reply.headers.get('Upload-Offset'));
      pieces.took(piece.size, performance.now() - began);
      this.dispatchEvent(new Event('progress'));
    }
  }

  /** @param {AbortSignal} signal */
  async begin(signal) {
    if (this.id) {
      try {
        const reply = await send('HEAD', `api/encode/tus/${this.id}`, { headers: VERSION, signal });
        this.sent = Number(reply.headers.get('Upload-Offset'));
        this.dispatchEvent(new Event('progress'));
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || ![403, 404].includes(error.status)) throw error;
        forget(this.id); // it has expired, or is another user's: from the beginning
      }
    }
    const name = btoa(String.fromCharCode(...new TextEncoder().encode(this.file.name)));
    const headers = { ...VERSION, 'Upload-Length': String(this.file.size), 'Upload-Metadata': `filename ${name}` };
    const reply = await send('POST', 'api/encode/tus/', { headers, signal });
    this.id = (reply.headers.get('Location') ?? '').split('/').pop() ?? '';
    this.sent = 0;
    const { name: file, size, lastModified: changed } = this.file;
    keep([...known(), { id: this.id, name: file, size, changed, user: session.user?.id }]);
  }

  async cancel() {
    this.pause();
    forget(this.id);
    if (this.id) await send('DELETE', `api/encode/tus/${this.id}`, { headers: VERSION }).catch(() => undefined);
  }
}
