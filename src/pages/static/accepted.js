/** Tells before an upload whether the service would refuse the file. */

/** What the service says about a file itself: the same file is refused again, however often it is sent. */
const ABOUT_THE_FILE = ['UPLOAD_TYPE_UNSUPPORTED', 'UPLOAD_TOO_LARGE', 'UPLOAD_TOO_LONG', 'BODY_TOO_LARGE', 'MEDIA_INVALID'];

/**
 * Return why a file would be refused, or null.
 * @param {{ name: string, size: number }} file
 * @param {{ upload_types: string[], largest_upload_bytes: number }} limits
 * @returns {'type' | 'size' | null}
 */
export function refusalOf(file, limits) {
  const type = /\.([^.]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? '';
  if (limits.upload_types.length && !limits.upload_types.includes(type)) return 'type';
  return file.size > limits.largest_upload_bytes ? 'size' : null;
}

/**
 * Whether an error lies in the file itself.
 * @param {string} code
 */
export function isAboutTheFile(code) {
  return ABOUT_THE_FILE.includes(code);
}
