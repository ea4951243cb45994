/** Our name and version. A test compares the version with package.json. */

export const VERSION = '0.1.0'

/** For the extension handshake (BEP 10). */
export const CLIENT: string = `bitswarm ${VERSION}`
