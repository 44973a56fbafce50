/** Buttons for a running stream: the moment is saved first and trimmed afterwards. */

import { call } from './api.js';
import { h, icon } from './dom.js';
import { t } from './texts.js';

const LENGTHS = [30, 60, 120];

/**
 * Return the buttons; `save` is called with the seconds of the moment.
 * @param {(seconds: number) => Promise<unknown>} save
 */
export function liveButtons(save) {
  const buttons = LENGTHS.map((seconds) => {
    const button = h('button.primary.large', { on: { click: async () => {
      button.disabled = true;
      await save(seconds).finally(() => {
        button.disabled = false;
      });
    } } }, [icon('clip'), t(`live.last-${seconds}`)]);
    return button;
  });
  return h('div.live', {}, [h('p.quiet', {}, t('live.how')), h('div.actions', {}, buttons)]);
}

/**
 * Save the last seconds of a stream; the service retains some more on both sides, so that it can be trimmed.
 * @param {string} url
 * @param {number} seconds
 * @returns {Promise<string>} the id of the clip
 */
export async function saveMoment(url, seconds) {
  const saved = await call('POST', 'api/video/save', { url, start_time: -seconds, end_time: 0 });
  await call('POST', `api/video/start/${saved.video_id}`, {});
  return saved.video_id;
}
