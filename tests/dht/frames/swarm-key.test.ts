/** Key files. */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { makeSwarmKey, parseSwarmKeys } from '../../../src/dht/frames/swarm-key.ts'

const HEX = `${'00'.repeat(31)}ff`
const secret = new Uint8Array(32)
secret[31] = 0xff

describe('a key file', () => {
  test.each([
    ['what openssl rand -hex 32 writes', `${HEX}\n`, 'hmac'],
    ['in capitals', HEX.toUpperCase(), 'hmac'],
    ['what openssl rand -base64 32 writes', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8=\n', 'hmac'],
    ['URL-safe base64', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAP8', 'hmac'],
    ['with comments and Windows line ends', `# fleet\r\n\r\n  ${HEX}  # since May\r\n`, 'hmac'],
    ['signed, said so', `hmac ${HEX}`, 'hmac'],
    ['encrypted', `aead\t${HEX}`, 'aead'],
  ])('%s', (_name, text, mode) => {
    expect(parseSwarmKeys(text, 'fleet.key')).toEqual([{ secret, mode }])
  })

  test('holds a second key while one takes the place of the other', () => {
    const keys = parseSwarmKeys(`aead ${HEX}\n${'11'.repeat(32)}`, 'fleet.key')
    expect(keys).toEqual([
      { secret, mode: 'aead' },
      { secret: new Uint8Array(32).fill(0x11), mode: 'hmac' },
    ])
  })

  test.each([
    ['empty', '', 'fleet.key holds no key'],
    ['comments only', '# nothing\n', 'fleet.key holds no key'],
    ['three keys', `${HEX}\n${HEX}\n${HEX}`, 'fleet.key holds 3 keys'],
    ['31 bytes', HEX.slice(2), 'fleet.key, line 1: expected a key of 32 bytes'],
    ['no key at all', `${HEX}\nhunter2`, 'fleet.key, line 2: expected a key of 32 bytes'],
    ['another mode', `rot13 ${HEX}`, 'fleet.key, line 1: expected a key of 32 bytes'],
    ['two on a line', `${HEX} ${HEX}`, 'fleet.key, line 1: expected a key of 32 bytes'],
  ])('%s: says what is wrong, and not what stands there', (_name, text, message) => {
    expect(() => parseSwarmKeys(text, 'fleet.key')).toThrow(message)
    expect(() => parseSwarmKeys(text, 'fleet.key')).not.toThrow(/hunter2|0000ff/)
  })

  test.each(['hmac', 'aead'] as const)('made by us is read by us: %s', (mode) => {
    const text = makeSwarmKey(mode, new SeededRandom(1))
    const [key] = parseSwarmKeys(text, 'fleet.key')
    expect(key!.mode).toBe(mode)
    expect(new Set(key!.secret).size).toBeGreaterThan(20)
    expect(makeSwarmKey(mode, new SeededRandom(2))).not.toBe(text)
  })
})
