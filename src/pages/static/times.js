/** Reads and writes times in every form that the API accepts: 90, 90.5, 1:30, 1:02:03.25, 1h2m3s. */

import { decimalMark } from './texts.js';

const PLAIN = /^\d+(?:\.\d+)?$/;
const CLOCK = /^(?:(\d+):([0-5]?\d)|(\d+)):(\d+(?:\.\d+)?)$/;
const UNITS = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/i;
const MOST_SECONDS = 30 * 24 * 3600;

/**
 * Return the seconds of a text, or null if it is not a time. A comma is read as a decimal point.
 * @param {string} given
 * @returns {number | null}
 */
export function parseTime(given) {
  const text = given.trim().replace(',', '.');
  if (!text || text.length > 32) return null;
  const seconds = read(text);
  return seconds === null || seconds > MOST_SECONDS ? null : seconds;
}

/**
 * @param {string} text
 * @returns {number | null}
 */
function read(text) {
  if (PLAIN.test(text)) return Number(text);
  const clock = CLOCK.exec(text);
  if (clock) {
    const seconds = Number(clock[4]);
    return seconds < 60 ? 3600 * Number(clock[1] ?? 0) + 60 * Number(clock[2] ?? clock[3]) + seconds : null;
  }
  const units = UNITS.exec(text);
  return units ? 3600 * Number(units[1] ?? 0) + 60 * Number(units[2] ?? 0) + Number(units[3] ?? 0) : null;
}

/**
 * Return seconds as 1:02 or 1:02:03, with at most `digits` decimals, without zeros at their end, as the language
 * writes them: 1:02.5 or 1:02,5.
 * @param {number} seconds
 * @param {number} [digits]
 */
export function timeText(seconds, digits = 3) {
  const factor = 10 ** digits;
  const rounded = Math.round(Math.max(seconds, 0) * factor) / factor;
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  const rest = Math.round((rounded % 60) * factor) / factor;
  const [whole = '0', part] = String(rest).split('.');
  const head = hours ? `${hours}:${String(minutes).padStart(2, '0')}` : String(minutes);
  return `${head}:${whole.padStart(2, '0')}${part ? decimalMark() + part : ''}`;
}

/**
 * Return the time in a link (t=, start= or time_continue=, in its query or fragment), or null.
 * @param {string} link
 */
export function timeInLink(link) {
  try {
    const address = new URL(link);
    for (const fields of [address.searchParams, new URLSearchParams(address.hash.slice(1))]) {
      for (const name of ['t', 'start', 'time_continue']) {
        const seconds = parseTime(fields.get(name) ?? '');
        if (seconds !== null) return seconds;
      }
    }
  } catch {
    // It is no link.
  }
  return null;
}

/**
 * Return the first link in a text, or null; a bare address of the site counts too.
 * @param {string} text
 */
export function firstLink(text) {
  const found = /https?:\/\/[^\s<>"']+/i.exec(text)?.[0];
  if (found) return found;
  const bare = /^(?:www\.|m\.|music\.)?(?:youtube\.com|youtu\.be)\/\S+$/i.exec(text.trim())?.[0];
  return bare ? `https://${bare}` : null;
}
