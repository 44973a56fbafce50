/** Creates, starts, shares and removes clips by the API. */

import { call } from './api.js';

/** @typedef {Record<string, any> & { video_id: string, status: string }} Clip the status of a clip, as the API answers */

/**
 * Save a range and start it.
 * @param {{ url: string, start: number, end: number }} selection
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
 * Return the addresses with which a page shows the file and a still picture of it, for about an hour.
 * @param {string} id
 * @param {'video' | 'encode'} [kind]
 * @returns {Promise<{ file_url: string, poster_url: string }>}
 */
export function linksOf(id, kind = 'video') {
  return call('POST', `api/${kind}/link/${id}`);
}

/**
 * Have the browser save the files of several clips as one ZIP file.
 * @param {string[]} ids
 * @returns {Promise<{ files: number, missing: string[] }>}
 */
export async function downloadZip(ids) {
  const zipped = await call('POST', 'api/video/zip', { ids });
  save(zipped.url, 'clips.zip');
  return zipped;
}

/**
 * Have the browser save the file, named after its title.
 * @param {string} id
 * @param {string} title
 * @param {'video' | 'encode'} [kind]
 */
export async function download(id, title, kind = 'video') {
  const { file_url: url } = await linksOf(id, kind);
  const ending = /\.\w+(?=\?|$)/.exec(url)?.[0] ?? '.mp4';
  save(url, (title || 'clip').replace(/[\\/:*?"<>|\u0000-\u001f]+/g, '_').slice(0, 120) + ending);
}

/** @param {string} url @param {string} name */
function save(url, name) {
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}
