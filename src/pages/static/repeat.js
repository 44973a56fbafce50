/** Asks the service again and again, without a crowd of questions while it is slow or away. */

/**
 * Call `ask` while `wanted` holds, each time a pause after the last answer. Return a function that ends it.
 * @param {() => Promise<unknown>} ask
 * @param {number} milliseconds
 * @param {() => boolean} wanted
 */
export function repeat(ask, milliseconds, wanted) {
  let ended = false;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  async function turn() {
    try {
      if (wanted()) await ask();
    } finally {
      if (!ended) timer = setTimeout(turn, milliseconds);
    }
  }
  timer = setTimeout(turn, milliseconds);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
