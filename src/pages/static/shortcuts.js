/** The keys of the timeline, which act while it has the focus and can be switched off. */

import { h } from './dom.js';
import { store, storedText } from './storage.js';
import { t } from './texts.js';

const STORED = 'keys';
const KEYS = [['I', 'start'], ['O', 'end'], ['← →', 'frame'], ['Shift ← →', 'second'], ['Space', 'play'], ['Enter', 'create'], ['?', 'list']];

function on() {
  return storedText(STORED, Boolean) !== 'off';
}

/** @param {boolean} wanted */
function switchKeys(wanted) {
  store(STORED, wanted ? 'on' : 'off');
}

/**
 * @param {KeyboardEvent} event
 * @param {import('./frame-chooser.js').FrameChooser} chooser
 */
export function onKey(event, chooser) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !on()) return;
  const button = /** @type {Element} */ (event.target).closest('button, input, select');
  /** @type {Record<string, () => void>} */
  const acts = {
    i: () => chooser.setHere('start'),
    o: () => chooser.setHere('end'),
    arrowleft: () => chooser.step(-1, event.shiftKey),
    arrowright: () => chooser.step(1, event.shiftKey),
    '?': () => showKeys(),
  };
  if (!button) Object.assign(acts, { ' ': () => chooser.toggle(), enter: () => chooser.submit() });
  const act = acts[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
}

/** Open the list of the keys. */
export function showKeys() {
  const box = h('input', { type: 'checkbox', id: 'keys-on', checked: on(), on: { change: () => switchKeys(box.checked) } });
  const sheet = h('dialog.sheet.keys-sheet', { 'aria-labelledby': 'keys-title', on: { close: () => sheet.remove() } }, [
    h('h2', { id: 'keys-title' }, t('keys')),
    h('p.quiet', {}, t('keys.where')),
    h('dl.keys', {}, KEYS.map(([key, name]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, t(`keys.${name}`))])),
    h('div.switch', {}, [box, h('label', { for: 'keys-on' }, t('keys.on'))]),
    h('div.actions', {}, h('button.primary', { on: { click: () => sheet.close() } }, t('close'))),
  ]);
  document.body.append(sheet);
  sheet.showModal();
}
