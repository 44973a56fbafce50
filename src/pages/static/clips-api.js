/** Creates, starts, shares and removes clips by the API. */

import { address, call, send } from './api.js';

/** @typedef {Record<string, any> & { video_id: string, status: string }} Clip the status of a clip, as the API answers */

/**
 * Save a range and start it.
 * @param {import('./selection.js').Selection} selection
 * @param {{ resolution?: string, container?: string }} wanted
 * @returns {Promise<string>} the id of the clip
 */
export async function createClip(selection, wanted) {
  const range = { url: selection.url, start_time: exact(selection.start), end_time: exact(selection.end) };
  const saved = await call('POST', 'api/video/save', range);
  await startClip(saved.video_id, wanted);
  return saved.video_id;
}

/**
 * Return seconds with so many decimals as the service tells apart.
 * @param {number} seconds
 */
export function exact(seconds) {
  return Math.round(seconds * 1e6) / 1e6;
}

/**
 * Start a clip, also one that has ended; never fetches its bytes.
 * @param {string} id
 * @param {{ resolution?: string, container?: string }} [wanted]
 */
export async function startClip(id, wanted = {}) {
  const json = { format_preference: wanted.container, resolution_preference: wanted.resolution };
  await call('POST', `api/video/start/${id}`, json);
}

/**
 * @param {string} id
 * @returns {Promise<Clip>}
 */
export function statusOf(id) {
  return call('GET', `api/video/status/${id}`);
}

/** @param {string} id */
export async function retryClip(id) {
  await call('POST', `api/video/${id}/retry`);
}

/** @param {string} id */
export async function cancelClip(id) {
  await call('POST', `api/video/${id}/cancel`);
}

/** @param {string} id */
export async function deleteClip(id) {
  await call('DELETE', `api/video/${id}`);
}

/**
 * Return a link with which anyone can watch the clip.
 * @param {string} id
 * @returns {Promise<string>}
 */
export async function shareClip(id) {
  const shared = await call('POST', `api/video/share/${id}`);
  return shared.url;
}

/**
 * Give the file to the browser, which saves it under the name that the service sends.
 * @param {Clip} clip
 */
export async function downloadClip(clip) {
  const anchor = document.createElement('a');
  if (clip.file_url) {
    anchor.href = address(clip.file_url);
    anchor.download = '';
  } else {
    const reply = await send('GET', `api/video/download/${clip.video_id}`);
    const name = /filename\*=UTF-8''([^;]+)/i.exec(reply.headers.get('Content-Disposition') ?? '')?.[1];
    anchor.href = URL.createObjectURL(await reply.blob());
    anchor.download = name ? decodeURIComponent(name) : `${clip.title ?? 'clip'}.mp4`;
  }
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  if (anchor.href.startsWith('blob:')) setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
}
