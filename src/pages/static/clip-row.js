/** One clip: its progress while it is produced, then the file, or what went wrong and who can help. */

import { actionButton, removalButton } from './action-button.js';
import { cancelClip, deleteClip, download, linksOf, retryClip, shareClip, startClip, statusOf } from './clips-api.js';
import { announce, copy, fill, h, icon } from './dom.js';
import { expiryNote, hasPassed } from './expiry.js';
import { feed } from './events.js';
import { notice, retryHelps } from './problems.js';
import { reachNote } from './reach.js';
import { repeat } from './repeat.js';
import { session } from './session.js';
import { moveClip, trimPanel } from './trim.js';
import { noteTexts, paceTexts, sizeText, t } from './texts.js';
import { timeText } from './times.js';

const POLL_MILLISECONDS = 2000;
const DELETION_POLL_MILLISECONDS = 30_000; // the service deletes what has expired every few minutes
const LEAST_SEEN_PIXELS = 120;
const RUNNING = ['pending', 'processing'];

/** Fires `removed` when the clip was deleted. */
export class ClipRow extends HTMLElement {
  /** @type {import('./clips-api.js').Clip} */
  clip = { video_id: '', status: 'pending' };
  /** @type {Record<string, any>} */
  progress = {};
  /** In a list: a poster that opens the player. */
  compact = false;
  shape = '';
  /** Whether an event has said that the clip has ended, and its file or failure is not known here yet. */
  hasEnded = false;

  /** @param {import('./clips-api.js').Clip} clip */
  show(clip) {
    this.clip = { ...clip, title: clip.title ?? this.clip.title };
    this.progress = clip.progress ?? {};
    this.render();
  }

  connectedCallback() {
    this.listener = (/** @type {Event} */ event) => this.onEvent(/** @type {CustomEvent} */ (event).detail);
    feed.addEventListener('job', this.listener);
    this.addEventListener('expired', () => this.render());
    const isVisible = () => document.visibilityState === 'visible';
    const isWanted = () => RUNNING.includes(this.clip.status) && (!feed.open || this.hasEnded) && isVisible();
    const ends = [
      repeat(() => this.refresh(), POLL_MILLISECONDS, isWanted),
      repeat(() => this.refresh(), DELETION_POLL_MILLISECONDS, () => this.isExpiring && isVisible()),
    ];
    this.stop = () => ends.forEach((end) => end());
  }

  disconnectedCallback() {
    if (this.listener) feed.removeEventListener('job', this.listener);
    this.stop?.();
  }

  /** @param {import('./events.js').JobEvent} event */
  onEvent(event) {
    if (event.job_id !== this.clip.video_id) return;
    this.progress = { ...this.progress, ...event };
    this.hasEnded = !RUNNING.includes(event.status);
    if (event.title) this.clip.title = event.title;
    if (this.hasEnded) {
      void this.refresh();
      return;
    }
    this.clip.status = event.status;
    this.clip.queued ||= event.status === 'pending'; // of a clip that is only saved, there are no events
    this.render();
  }

  async refresh() {
    try {
      this.show(await statusOf(this.clip.video_id));
    } catch (error) {
      if (/** @type {any} */ (error).status === 404) this.gone();
      return;
    }
    if (!this.hasEnded || RUNNING.includes(this.clip.status)) return;
    this.hasEnded = false;
    announce(t(`state.${this.clip.status}`) + (this.clip.title ? `: ${this.clip.title}` : ''), { seen: this.isInWindow });
  }

  /** Whether the reader sees the row, so that no message need cover its buttons. */
  get isInWindow() {
    const { top } = this.getBoundingClientRect();
    return this.isConnected && top >= 0 && top < innerHeight - LEAST_SEEN_PIXELS;
  }

  gone() {
    this.dispatchEvent(new Event('removed', { bubbles: true }));
    this.remove();
  }

  get state() {
    const { status } = this.clip;
    if (status === 'pending' && !this.clip.queued) return 'saved';
    if (status === 'completed' && (!this.clip.file_available || this.isExpiring)) return 'expired';
    return status;
  }

  /** Whether the time of the file is over, and the service is about to delete it: it can be made again only then. */
  get isExpiring() {
    const { status, file_available: exists, expires_at: moment } = this.clip;
    return status === 'completed' && exists && hasPassed(moment);
  }

  render() {
    // While only numbers change, the row stays as it is, so that focus and a playing video are not lost.
    const shape = [this.state, this.isExpiring, this.clip.title, this.clip.file_size_bytes, this.clip.error?.code].join('|');
    if (shape !== this.shape) {
      this.shape = shape;
      this.build();
    }
    if (this.bar) this.updateProgress();
  }

  build() {
    const { clip, state } = this;
    this.bar = null;
    this.className = `row card ${state}${this.compact ? ' compact' : ''}`;
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', clip.title || t('video.untitled'));
    fill(this, [
      this.compact && state === 'completed' ? this.poster() : null,
      h('div.about', {}, [
        h('h3', {}, clip.title || t(RUNNING.includes(state) ? 'clips.new' : 'video.untitled')),
        h('p.quiet', {}, [rangeText(clip), this.details()].filter(Boolean).join(' · ')),
      ]),
      this.body(),
    ]);
  }

  details() {
    const { clip } = this;
    const facts = [clip.actual?.resolution, clip.file_size_bytes && this.state === 'completed' ? sizeText(clip.file_size_bytes) : ''];
    return facts.filter(Boolean).join(' · ');
  }

  body() {
    const { clip, state } = this;
    const remove = removalButton(() => this.remover());
    if (RUNNING.includes(state)) {
      this.bar = /** @type {HTMLProgressElement} */ (h('progress', { max: 100, 'aria-label': t('progress') }));
      this.note = h('p.quiet.note');
      return [h('div.progress', {}, [this.bar, this.note]), h('div.actions', {}, actionButton('close', 'cancel', () => cancelClip(clip.video_id)))];
    }
    if (state === 'completed') {
      return [
        this.outcome(),
        h('div.actions', {}, [
          actionButton('download', 'download', () => download(clip.video_id, clip.title), 'primary'),
          session.user ? actionButton('share', 'share', () => this.share()) : null,
          actionButton('move', 'trim', () => this.trim()),
          this.chooseAgain(),
          remove,
          expiryNote(this.clip.expires_at),
        ]),
        this.compact ? null : this.player(), // below the buttons, which are then where the progress was
      ];
    }
    if (state === 'failed') {
      const { code, message } = clip.error ?? { code: 'UNKNOWN', message: '' };
      return [notice(code, message), h('div.actions', {}, [retryHelps(code) ? actionButton('retry', 'retry', () => this.again(retryClip), 'primary') : null, this.chooseAgain(), remove])];
    }
    const again = state === 'saved' ? 'start' : 'again';
    const start = this.isExpiring ? null : actionButton('retry', again, () => this.again(startClip), 'primary');
    return [h('p.quiet', {}, t(`state.${state}`)), h('div.actions', {}, [start, this.chooseAgain(), remove])];
  }

  /** In a list: a link to the first view with the same video and range. */
  chooseAgain() {
    const { url, kind } = this.clip;
    if (!this.compact || kind !== 'clip') return null;
    const { start: from, end: to } = boundsOf(this.clip);
    return h('a.button', { href: `#${new URLSearchParams({ url, from, to })}` }, [icon('clip'), t('choose-again')]);
  }

  /** The file, as soon as there is a link to it; a press on its picture plays it. */
  player() {
    const video = h('video', { controls: true, playsinline: true, preload: 'none', 'aria-label': this.clip.title || t('video.untitled') });
    const renew = () => linksOf(this.clip.video_id).then(({ file_url: file, poster_url: poster }) => {
      video.poster = poster;
      video.src = file;
    }).catch(() => video.remove());
    video.addEventListener('error', renew, { once: true }); // the link has expired
    void renew();
    return video;
  }

  poster() {
    const { clip } = this;
    const image = clip.poster ? h('img', { src: clip.poster, alt: '', loading: 'lazy' }) : null;
    const button = h('button.poster', { 'aria-label': t('clips.play', { title: clip.title || t('video.untitled') }), on: { click: () => {
      const video = this.player();
      video.autoplay = true;
      button.replaceWith(video);
    } } }, [image, icon('play')]);
    return button;
  }

  async trim() {
    const known = this.querySelector('.trim-panel');
    if (known) return known.remove();
    if (this.compact) /** @type {HTMLElement | null} */ (this.querySelector('.poster'))?.click();
    const { clip } = this;
    const length = Number(clip.actual?.duration ?? clip.duration ?? (clip.end_time ?? 0) - (clip.start_time ?? 0));
    const panel = trimPanel(this.querySelector('video'), length, (move) => moveClip(clip.video_id, move), () => {
      announce(t('trim.done'));
      this.shape = '';
      void this.refresh();
    });
    this.append(panel);
    return panel.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  }

  outcome() {
    const { actual, requested, notes = [] } = this.clip;
    const moved = actual && requested && (differs(actual.start, requested.start) || differs(actual.end, requested.end));
    const lines = noteTexts(notes, { resolution: actual?.resolution ?? '' });
    if (moved) lines.unshift(t('range.actual', { start: timeText(actual.start), end: timeText(actual.end) }));
    return lines.length ? h('ul.notes', {}, lines.map((/** @type {string} */ line) => h('li', {}, line))) : null;
  }

  updateProgress() {
    const { progress } = this;
    const percent = Number(progress.progress ?? Math.max(progress.download_progress ?? 0, progress.encoding_progress ?? 0));
    if (this.bar && percent > 0) this.bar.value = percent;
    else this.bar?.removeAttribute('value');
    const waiting = progress.waiting_for || this.clip.waiting_for;
    const phase = this.clip.status === 'pending' ? 'queued' : progress.current_phase || 'initializing';
    const known = percent > 0 ? `${Math.floor(percent)} %` : '';
    const words = waiting ? t(`waiting.${waiting}`) : t(`phase.${phase}`);
    if (this.note) this.note.textContent = [words, known, ...(percent > 0 ? paceTexts(progress) : [])].filter(Boolean).join(' · ');
  }

  /** @param {(id: string) => Promise<void>} how */
  async again(how) {
    await how(this.clip.video_id);
    this.show({ ...this.clip, status: 'pending', queued: true, error: null, progress: null });
    await this.refresh();
  }

  async share() {
    const url = await shareClip(this.clip.video_id);
    if (typeof navigator.share === 'function' && matchMedia('(pointer: coarse)').matches) {
      await navigator.share({ url, title: this.clip.title }).catch(() => undefined);
      return;
    }
    const copied = await copy(url);
    const link = h('input', { readonly: true, 'aria-label': t('share.link'), own: { value: url }, on: { focus: (/** @type {any} */ event) => event.target.select() } });
    this.querySelector('.shared')?.remove();
    this.append(h('div.shared', {}, [link, h('a.button', { href: url, target: '_blank', rel: 'noopener' }, t('share.open')), reachNote(url)]));
    announce(copied ? t('share.copied') : t('share.made'));
  }

  async remover() {
    await deleteClip(this.clip.video_id);
    announce(t('deleted'));
    this.gone();
  }
}
customElements.define('clip-row', ClipRow);

/** @param {import('./clips-api.js').Clip} clip */
function rangeText(clip) {
  if (typeof clip.start_time !== 'number' || typeof clip.end_time !== 'number') return '';
  const { start, end } = boundsOf(clip);
  // Where a stream began is of no use to anyone: its moments have no place that a reader could find again.
  if (clip.kind === 'live_clip') return timeText(end - start, 1);
  return `${timeText(start)} – ${timeText(end)} (${timeText(end - start)})`;
}

/**
 * Return where a clip starts and ends in its video: in the file, once that is known, otherwise as it was requested.
 * @param {import('./clips-api.js').Clip} clip
 */
function boundsOf({ kind, status, actual, start_time: start, end_time: end }) {
  const isKnown = kind === 'clip' && status === 'completed' && typeof actual?.start === 'number' && typeof actual.end === 'number';
  return isKnown ? { start: actual.start, end: actual.end } : { start, end };
}

/**
 * @param {number} actual
 * @param {number} requested
 */
function differs(actual, requested) {
  return typeof actual === 'number' && typeof requested === 'number' && Math.abs(actual - requested) > 0.1;
}
