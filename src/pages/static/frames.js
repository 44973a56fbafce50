/**
 * The frames of a preview and the times that mean them. A time between two frames is sent, never that of a frame: the
 * rounded time of a frame may mean the frame before it.
 */

const TOLERANCE_SECONDS = 1e-5; // as the service: a time this close to a frame means that frame

export class FrameGrid {
  /**
   * @param {number[]} times presentation times, ascending
   * @param {[number, number]} timeBase numerator and denominator, in seconds
   * @param {number} [perStep] how many frames of the clip one frame of the preview stands for
   */
  constructor(times, [numerator, denominator], perStep = 1) {
    this.seconds = times.map((time) => (time * numerator) / denominator);
    this.perStep = perStep;
    const gaps = this.seconds.slice(1).map((time, place) => time - /** @type {number} */ (this.seconds[place]));
    gaps.sort((a, b) => a - b);
    this.usualGap = gaps[Math.floor(gaps.length / 2)] ?? 1 / 25;
  }

  get count() {
    return this.seconds.length;
  }

  /** @param {number} frame */
  at(frame) {
    return /** @type {number} */ (this.seconds[Math.min(Math.max(frame, 0), this.count - 1)]);
  }

  /** @param {number} frame seconds until the frame after it */
  gapAfter(frame) {
    return frame + 1 < this.count ? this.at(frame + 1) - this.at(frame) : this.usualGap;
  }

  /**
   * Return the number of the frames whose time is before this one.
   * @param {number} seconds
   */
  before(seconds) {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle) < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Return the frame that is on the screen at this time.
   * @param {number} seconds
   */
  shownAt(seconds) {
    return Math.max(this.before(seconds + TOLERANCE_SECONDS) - 1, 0);
  }

  /**
   * Return the first frame of a file that starts at this time.
   * @param {number} start
   */
  firstFrom(start) {
    return Math.min(this.before(start - TOLERANCE_SECONDS), this.count - 1);
  }

  /**
   * Return the last frame of a file that ends at this time.
   * @param {number} end
   */
  lastUntil(end) {
    return Math.max(this.before(end - TOLERANCE_SECONDS) - 1, 0);
  }

  /**
   * Return the time to send as the start so that this frame is the first one.
   * @param {number} frame
   */
  startBound(frame) {
    const gap = frame > 0 ? this.gapAfter(frame - 1) : this.usualGap;
    return Math.max(this.at(frame) - gap / 2 / this.perStep, 0);
  }

  /**
   * Return the time to send as the end so that this frame is the last one.
   * @param {number} frame
   */
  endBound(frame) {
    return this.at(frame) + this.gapAfter(frame) / 2 / this.perStep;
  }

  /**
   * Return the middle of the time for which a frame is shown: a player that seeks there shows this frame.
   * @param {number} frame
   */
  middle(frame) {
    return this.at(frame) + this.gapAfter(frame) / 2;
  }

  /**
   * Whether the frames around a time are known.
   * @param {number} seconds
   */
  covers(seconds) {
    return seconds >= this.at(0) - this.usualGap && seconds <= this.at(this.count - 1) + this.usualGap;
  }
}
