/** The words of chat commands: lengths as the answers in a chat say them, and what the name of a stream stands for. */

const VIDEO_ID = /^[\w-]{11}$/;
const VIDEO_LINK = /^(?:https?:\/\/)?(?:www\.|m\.|music\.)?(?:youtu\.be\/|youtube\.com\/(?:watch\?|(?:live|shorts|embed)\/))/i;

/**
 * Return a length as in the answers of the service: 45 s, 2 min, 1 min 40 s.
 * @param {number} seconds
 */
export function spoken(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  if (whole >= 3 * 3600) return `${Math.floor(whole / 3600)} h`;
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (whole < 100) return `${whole} s`;
  return rest && minutes < 10 ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/**
 * Return what a moment has before and after the command, in seconds; a clip that ends earlier has nothing after it.
 * @param {number} offset
 * @param {number} duration
 */
export function aroundCommand(offset, duration) {
  return { before: Math.min(offset, duration), after: Math.max(duration - offset, 0) };
}

/**
 * Whether the name of a stream is that of one video, and not of a channel.
 * @param {string} name
 */
export function namesOneVideo(name) {
  return VIDEO_ID.test(name.trim()) || VIDEO_LINK.test(name.trim());
}
