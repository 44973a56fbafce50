/** Chooses the size of the pieces of an upload: each takes about half a second, so that its progress is seen. */

const FIRST_BYTES = 64 * 1024;
const LARGEST_BYTES = 8 * 1024 * 1024;
const WANTED_MILLISECONDS = 500;
const MOST_GROWTH = 4;

export class Pieces {
  /** Bytes of the next piece. */
  size = FIRST_BYTES;

  /**
   * Note how long a piece took.
   * @param {number} bytes
   * @param {number} milliseconds
   */
  took(bytes, milliseconds) {
    const fitting = (bytes * WANTED_MILLISECONDS) / Math.max(milliseconds, 1);
    this.size = Math.round(Math.min(Math.max(fitting, FIRST_BYTES), this.size * MOST_GROWTH, LARGEST_BYTES));
  }
}
