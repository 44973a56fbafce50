/** Builds elements without HTML text, so that what others wrote (titles, names) can only be text. */

/** @typedef {Node | string | number | null | undefined | false | readonly any[]} Child lists may be nested */

/**
 * Return an element. `on` has listeners by event, `data` data attributes, `style` properties that are set by the
 * CSSOM; `true` and `false` set and leave out an attribute; properties of elements (`value`) are given in `own`.
 * @param {string} tag with classes: "button.quiet.small"
 * @param {Record<string, any>} [given]
 * @param {...Child} children
 * @returns {any}
 */
export function h(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name || 'div');
  if (classes.length) element.classList.add(...classes);
  if (name === 'button') element.setAttribute('type', 'button');
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'on') for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (key === 'data') Object.assign(element.dataset, value);
    else if (key === 'own') Object.assign(element, value);
    else if (key === 'style') for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
function present(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== '')
    .map((child) => (child instanceof Node ? child : String(child)));
}

/**
 * Replace what an element contains.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

const SVG = 'http://www.w3.org/2000/svg';
/** @type {Record<string, string>} paths in a square of 24 */
const ICONS = {
  link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1.5-1.5',
  clip: 'M8 4H4v16h4M16 4h4v16h-4M10 9v6l5-3z',
  list: 'M4 6h16M4 12h16M4 18h10',
  upload: 'M12 16V4M7 9l5-5 5 5M4 20h16',
  chat: 'M4 5h16v11H9l-5 4z',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1.5-4 5-5 8-5s6.500 1 8 5',
  download: 'M12 4v12M7 11l5 5 5-5M4 20h16',
  share: 'M12 15V4M8 8l4-4 4 4M6 12H5v8h14v-8h-1',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  retry: 'M5 12a7 7 0 1 1 2.500 5.400M5 18v-5h5',
  play: 'M8 5v14l11-7z',
  pause: 'M8 5v14M16 5v14',
  loop: 'M4 12V9a3 3 0 0 1 3-3h11M15 3l3 3-3 3M20 12v3a3 3 0 0 1-3 3H6M9 21l-3-3 3-3',
  close: 'M6 6l12 12M18 6L6 18',
  move: 'M8 7l-5 5 5 5M16 7l5 5-5 5M3 12h18',
  check: 'M5 12.500l4.500 4.500L19 7',
  alert: 'M12 8v5M12 16.500v.100M12 3l9.500 17h-19z',
  keys: 'M3 7h18v11H3zM7 11h.100M11 11h.100M15 11h.100M8 15h8',
  zip: 'M5 3h9l5 5v13H5zM14 3v5h5M10 11h3M10 14h3M10 17h3',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  plus: 'M12 5v14M5 12h14',
  server: 'M4 5h16v6H4zM4 13h16v6H4zM8 8h.100M8 16h.100',
};

/**
 * Return an icon, which screen readers pass over.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', name === 'play' ? 'icon solid' : 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name] ?? '');
  svg.append(path);
  return svg;
}

let ids = 0;

/** Return an id that no other element has. */
export function newId() {
  ids += 1;
  return `n${ids}`;
}

/** @type {HTMLElement | null} */
let voice = null;

/**
 * Tell screen readers, and for a moment everyone, what has happened.
 * @param {string} text
 * @param {{ seen?: boolean }} [given] `seen`: the page shows it already, so that only screen readers are told
 */
export function announce(text, { seen = false } = {}) {
  if (!voice) {
    voice = /** @type {HTMLElement} */ (h('div.toast', { role: 'status', 'aria-live': 'polite' }));
    document.body.append(voice);
  }
  const current = voice;
  current.textContent = text;
  current.classList.toggle('shown', !seen);
  setTimeout(() => {
    if (current.textContent === text) current.classList.remove('shown');
  }, 3500);
}

/**
 * Copy a text; over plain HTTP, where the clipboard is closed, by selecting it.
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = /** @type {HTMLTextAreaElement} */ (h('textarea.offscreen', { own: { value: text }, readonly: true }));
    const before = document.activeElement;
    (document.querySelector('dialog[open]') ?? document.body).append(field);
    field.select();
    const copied = document.execCommand('copy');
    field.remove();
    if (before instanceof HTMLElement) before.focus();
    return copied;
  }
}
