/**
 * Follows the user's jobs with one event stream per browser: the tab that was shown last reads it and passes every
 * event on to the others. A hidden tab closes its stream, because browsers have only six connections to a service.
 */

import { send } from './api.js';
import { session, signedOut } from './session.js';

/** @typedef {Record<string, any> & { job_id: string, status: string }} JobEvent */

const PAUSES = [1000, 2000, 5000, 15000];

class Feed extends EventTarget {
  constructor() {
    super();
    this.me = Math.random().toString(36).slice(2);
    this.lastId = '';
    this.failures = 0;
    /** @type {AbortController | null} */
    this.stream = null;
    this.claim = { lead: this.me, since: 0 };
    this.channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('yt-downloader.events') : null;
    this.channel?.addEventListener('message', (message) => this.onMessage(message.data));
    document.addEventListener('visibilitychange', () => this.update());
    addEventListener('pagehide', () => this.stop(true));
    session.addEventListener('change', () => {
      this.lastId = '';
      this.stop(false);
      this.update();
    });
  }

  /** Whether events arrive here, so that nothing has to be asked for. */
  get open() {
    return this.stream !== null && this.failures === 0;
  }

  update() {
    const wanted = session.user !== null && document.visibilityState === 'visible';
    if (wanted && !this.stream) this.lead();
    if (!wanted && this.stream) this.stop(true);
  }

  lead() {
    this.claim = { lead: this.me, since: Date.now() };
    this.channel?.postMessage(this.claim);
    void this.read();
  }

  /** @param {boolean} tell */
  stop(tell) {
    if (!this.stream) return;
    this.stream.abort();
    this.stream = null;
    if (tell) this.channel?.postMessage({ left: this.me });
  }

  /**
   * Another tab reads the events. The later one goes on, and of two at the same moment always the same one.
   * @param {{ lead: string, since: number }} other
   */
  onClaim(other) {
    if (!this.stream) return;
    const { lead, since } = this.claim;
    if (other.since > since || (other.since === since && other.lead > lead)) this.stop(false);
    else this.channel?.postMessage(this.claim);
  }

  /** @param {{ lead?: string, since?: number, left?: string, event?: JobEvent, user?: string }} message */
  onMessage(message) {
    if (message.lead) this.onClaim({ lead: message.lead, since: message.since ?? 0 });
    else if (message.left) this.update();
    else if (message.event && message.user === session.user?.id) this.tell(message.event);
  }

  /** @param {JobEvent} event */
  tell(event) {
    this.dispatchEvent(new CustomEvent('job', { detail: event }));
  }

  async read() {
    const mine = new AbortController();
    this.stream = mine;
    while (this.stream === mine) {
      try {
        /** @type {Record<string, string>} */
        const headers = { Accept: 'text/event-stream' };
        if (this.lastId) headers['Last-Event-ID'] = this.lastId;
        const reply = await send('GET', 'api/events', { headers, signal: mine.signal });
        this.failures = 0;
        this.dispatchEvent(new Event('open'));
        await this.consume(/** @type {ReadableStream<Uint8Array>} */ (reply.body));
      } catch (error) {
        if (mine.signal.aborted) return;
        if (/** @type {any} */ (error).status === 401) {
          this.stop(false);
          signedOut();
          return;
        }
        this.failures += 1;
      }
      await new Promise((done) => setTimeout(done, PAUSES[Math.min(this.failures, PAUSES.length - 1)]));
    }
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async consume(body) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) this.onText(part);
    }
  }

  /** @param {string} text one event, as it was sent */
  onText(text) {
    const data = [];
    for (const line of text.split('\n')) {
      if (line.startsWith('id:')) this.lastId = line.slice(3).trim();
      if (line.startsWith('data:')) data.push(line.slice(5).trim());
    }
    if (!data.length) return;
    const event = JSON.parse(data.join('\n'));
    this.tell(event);
    this.channel?.postMessage({ event, user: session.user?.id });
  }
}

export const feed = new Feed();
