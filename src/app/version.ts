/** Who we say we are. A test holds the version against package.json. */

export const VERSION = '0.1.0'

/** For the extension handshake (BEP 10). */
export const CLIENT: string = `bitswarm ${VERSION}`
