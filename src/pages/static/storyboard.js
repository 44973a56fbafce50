/** The still pictures that the site has of a whole video; sheets are fetched when one of their pictures is drawn. */

import { address } from './api.js';

/** Fires `load` when another sheet can be drawn. */
export class Storyboard extends EventTarget {
  /**
   * @param {import('./selection.js').Info} info
   * @param {number} height of a picture as it is drawn, in pixels
   */
  constructor(info, height) {
    super();
    this.videoId = info.video_id;
    const levels = [...(info.storyboard?.levels ?? [])].sort((a, b) => a.height - b.height);
    // The smallest that is not blurred; the largest otherwise.
    this.level = levels.find((each) => each.height >= height) ?? levels.at(-1) ?? null;
    /** @type {Map<number, HTMLImageElement>} */
    this.sheets = new Map();
  }

  /** Width divided by height of a picture. */
  get shape() {
    return this.level ? this.level.width / this.level.height : 16 / 9;
  }

  /**
   * Draw the picture of a time; false while it is not there.
   * @param {CanvasRenderingContext2D} context
   * @param {number} seconds
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  draw(context, seconds, x, y, width, height) {
    if (!this.level) return false;
    const { rows, columns, sheets, interval_seconds: interval } = this.level;
    const picture = Math.max(Math.floor(seconds / interval), 0);
    const number = Math.min(Math.floor(picture / (rows * columns)), sheets - 1);
    const place = picture - number * rows * columns;
    const sheet = this.sheet(number);
    if (!sheet.complete || !sheet.naturalWidth) return false;
    // The last sheet may have fewer rows, and pictures after its last one are not there.
    const rowsThere = Math.max(Math.round(sheet.naturalHeight / this.level.height), 1);
    const there = Math.min(place, rowsThere * columns - 1);
    const [w, h] = [sheet.naturalWidth / columns, sheet.naturalHeight / rowsThere];
    context.drawImage(sheet, (there % columns) * w, Math.floor(there / columns) * h, w, h, x, y, width, height);
    return true;
  }

  /** @param {number} number */
  sheet(number) {
    let image = this.sheets.get(number);
    if (!image) {
      image = new Image();
      image.addEventListener('load', () => this.dispatchEvent(new Event('load')));
      image.src = address(`api/video/storyboard/${this.videoId}/${this.level?.level}/${number}`);
      this.sheets.set(number, image);
    }
    return image;
  }
}
