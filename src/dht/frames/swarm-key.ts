/**
 * The text file in which people keep swarm keys: one key, or two lines while one replaces the other.
 *
 *     # comments and empty lines are free
 *     aead 4f0c…   the first key is the one that we send with; `aead` encrypts, `hmac` or nothing signs
 *     91b2…        a second one is only accepted
 */
import { decodeBase64, decodeBase64Url } from '../../protocol/base64.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { fromHex, toHex } from '../../protocol/ids.ts'
import type { Random } from '../../protocol/ports.ts'

/** Bytes of a key. */
export const SWARM_KEY_BYTES = 32
/** Keys at once: the one that is used, and the one that came before it or comes next. */
const MAX_SWARM_KEYS = 2

/** Whether messages are signed, or encrypted too. Each side chooses for what it sends, and understands both. */
export type FrameMode = 'hmac' | 'aead'

export interface SwarmKey {
  readonly secret: Uint8Array
  readonly mode: FrameMode
}

/**
 * @param name how the user knows the text: `-swarm-key fleet.key`
 * @returns one or two keys, the first of which is for sending
 * @throws {ConfigError} `config.value`; it never shows what stands in the file
 */
export function parseSwarmKeys(text: string, name: string): readonly SwarmKey[] {
  const keys: SwarmKey[] = []
  text.split(/\r?\n/).forEach((line, at) => {
    const words = line.replace(/#.*/, '').trim()
    if (words === '') return
    const key = parseLine(words)
    if (key === undefined)
      throw new ConfigError(
        'config.value',
        `${name}, line ${at + 1}: expected a key of ${SWARM_KEY_BYTES} bytes, as ${2 * SWARM_KEY_BYTES} hex digits or in base64, with hmac or aead before it or nothing`,
      )
    keys.push(key)
  })
  if (keys.length === 0) throw new ConfigError('config.value', `${name} holds no key`)
  if (keys.length > MAX_SWARM_KEYS)
    throw new ConfigError('config.value', `${name} holds ${keys.length} keys: two at most`)
  return keys
}

function parseLine(line: string): SwarmKey | undefined {
  const [, mode = 'hmac', digits = ''] = /^(?:(hmac|aead)\s+)?(\S+)$/.exec(line) ?? []
  const secret = fromHex(digits) ?? decodeBase64(digits) ?? decodeBase64Url(digits)
  return secret?.length === SWARM_KEY_BYTES ? { secret, mode: mode as FrameMode } : undefined
}

/** A new key as a file holds it. */
export function makeSwarmKey(mode: FrameMode, random: Random): string {
  const digits = toHex(random.fill(new Uint8Array(SWARM_KEY_BYTES)))
  return mode === 'hmac' ? `${digits}\n` : `${mode} ${digits}\n`
}
