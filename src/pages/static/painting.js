/** Paints the two lines of time: still pictures and a ruler, and a waveform. */

import { timeText } from './times.js';

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const LABEL_PIXELS = 76;
const RULER_PIXELS = 20;
const LAST_PIXELS = 2; // a label that would stand just behind the end belongs to it

/** @param {Element} element @param {string} name */
export function colour(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ from: number, to: number }} span
 * @param {number} width
 * @param {number} height
 */
export function paintRuler(context, { from, to }, width, height) {
  const perPixel = (to - from) / width;
  const step = STEPS.find((each) => each / perPixel >= LABEL_PIXELS) ?? 14400;
  const quiet = colour(context.canvas, '--quiet');
  context.font = '500 11px system-ui, sans-serif';
  context.textBaseline = 'middle';
  for (let time = Math.ceil(from / step) * step; time <= to + LAST_PIXELS * perPixel; time += step) {
    const x = Math.round((time - from) / perPixel) + 0.5;
    context.fillStyle = colour(context.canvas, '--line');
    context.fillRect(x, height - RULER_PIXELS, 1, 5);
    context.fillStyle = quiet;
    const text = timeText(time, 1);
    const room = context.measureText(text).width;
    context.fillText(text, Math.min(Math.max(x - room / 2, 2), width - room - 2), height - RULER_PIXELS / 2 + 2);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import('./storyboard.js').Storyboard} board
 * @param {import('./selection.js').Selection} selection
 * @param {number} width
 * @param {number} height
 */
export function paintOverview(context, board, selection, width, height) {
  const tall = height - RULER_PIXELS;
  context.fillStyle = colour(context.canvas, '--well');
  context.fillRect(0, 0, width, tall);
  if (board.level) {
    const wide = tall * board.shape;
    const count = Math.max(Math.round(width / wide), 1);
    for (let place = 0; place < count; place += 1) {
      const middle = ((place + 0.5) / count) * selection.duration;
      board.draw(context, middle, (place / count) * width, 0, width / count + 0.5, tall);
    }
  }
  context.fillStyle = colour(context.canvas, '--card');
  for (const { start_time: start } of selection.info.chapters.slice(1)) {
    context.fillRect(Math.round((start / selection.duration) * width) - 1, 0, 2, tall);
  }
  paintRuler(context, { from: 0, to: selection.duration }, width, height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ from: number, to: number }} span
 * @param {{ part: import('./preview.js').Part | null, peaks: Peaks | null }} shown
 * @param {number} width
 * @param {number} height
 */
export function paintDetail(context, span, { part, peaks }, width, height) {
  const tall = height - RULER_PIXELS;
  context.fillStyle = colour(context.canvas, '--well');
  context.fillRect(0, 0, width, tall);
  const perPixel = (span.to - span.from) / width;
  if (part && part.grid.usualGap / perPixel >= 5) {
    context.fillStyle = colour(context.canvas, '--line');
    for (let frame = part.grid.firstFrom(span.from); frame < part.grid.count; frame += 1) {
      context.fillRect(Math.round((part.grid.at(frame) - span.from) / perPixel), tall - 8, 1, 8);
    }
  }
  if (part && peaks) {
    context.fillStyle = colour(context.canvas, '--edge');
    for (let x = 0; x < width; x += 3) {
      const loud = peaks.between(span.from + x * perPixel - part.start, span.from + (x + 3) * perPixel - part.start);
      const size = Math.max(loud * (tall - 10), 2);
      context.fillRect(x, (tall - size) / 2, 2, size);
    }
  }
  paintRuler(context, span, width, height);
}

const RATE = 8000;

/** How loud each moment of a preview is. */
export class Peaks {
  /** @param {Float32Array} samples */
  constructor(samples) {
    this.samples = samples;
    let most = 0.05;
    for (let place = 0; place < samples.length; place += 7) most = Math.max(most, Math.abs(/** @type {number} */ (samples[place])));
    this.most = most;
  }

  /**
   * Return the peaks of the sound of a file, or null if it has none.
   * @param {ArrayBuffer} bytes
   */
  static async of(bytes) {
    try {
      const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes.slice(0));
      return new Peaks(sound.getChannelData(0));
    } catch {
      return null;
    }
  }

  /** @param {number} from seconds @param {number} to */
  between(from, to) {
    let most = 0;
    const first = Math.max(Math.floor(from * RATE), 0);
    const last = Math.min(Math.ceil(to * RATE), this.samples.length);
    for (let place = first; place < last; place += 3) most = Math.max(most, Math.abs(/** @type {number} */ (this.samples[place])));
    return most / this.most;
  }
}
