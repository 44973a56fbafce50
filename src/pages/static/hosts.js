/** Tells which addresses only this machine or its own network can reach. */

const MACHINE = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/i;
const NETWORK = /^(.*\.(local|lan|home|internal)|10(\.\d+){3}|(192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))(\.\d+){2}|\[f[cde].*\])$/i;

/**
 * Return who alone can reach the first address in a text, and its host; null if there is none or all can.
 * @param {string} text
 * @returns {{ who: 'machine' | 'network', host: string } | null}
 */
export function reachOf(text) {
  const found = /https?:\/\/[^\s/?#]+/i.exec(text);
  if (!found) return null;
  const { hostname, host } = new URL(found[0]);
  if (MACHINE.test(hostname)) return { who: 'machine', host };
  return NETWORK.test(hostname) ? { who: 'network', host } : null;
}
