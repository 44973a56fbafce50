/**
 * Reads what earlier visits left in the storage of the browser. Older versions, extensions and users may have changed
 * it, and some browsers allow no storage: whatever is not as expected counts as absent.
 */

const PREFIX = 'yt-downloader.';

/** @typedef {'localStorage' | 'sessionStorage'} Area */

/**
 * Return a stored text, or an empty one.
 * @param {string} name
 * @param {(text: string) => boolean} isValid
 * @param {Area} [area]
 */
export function storedText(name, isValid, area = 'localStorage') {
  try {
    const text = globalThis[area].getItem(PREFIX + name) ?? '';
    return isValid(text) ? text : '';
  } catch {
    return '';
  }
}

/**
 * Return what a stored text means, of any shape, or null; the caller checks the shape.
 * @param {string} name
 * @param {Area} [area]
 * @returns {any}
 */
export function storedJson(name, area) {
  try {
    return JSON.parse(storedText(name, Boolean, area));
  } catch {
    return null;
  }
}

/**
 * Store a text, where the browser allows it; otherwise it lasts as long as the page.
 * @param {string} name
 * @param {string} text
 * @param {Area} [area]
 */
export function store(name, text, area = 'localStorage') {
  try {
    globalThis[area].setItem(PREFIX + name, text);
  } catch {
    // There is no storage, or no room in it.
  }
}

/**
 * Remove what is stored.
 * @param {string} name
 * @param {Area} [area]
 */
export function forgetStored(name, area = 'localStorage') {
  try {
    globalThis[area].removeItem(PREFIX + name);
  } catch {
    // There is no storage.
  }
}
