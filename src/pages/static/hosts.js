/** Tells which addresses only this computer or its own network can reach. */

const OWN = /^(localhost|.*\.(localhost|local|lan|home|internal)|(127|10)(\.\d+){3}|(192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))(\.\d+){2}|\[(::1|f[cde].*)\])$/i;

/**
 * Return the host of the first address in a text if others on the internet cannot reach it, or an empty text.
 * @param {string} text
 */
export function unreachableHost(text) {
  const found = /https?:\/\/[^\s/?#]+/i.exec(text);
  if (!found) return '';
  const { hostname, host } = new URL(found[0]);
  return OWN.test(hostname) ? host : '';
}
