import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { clientName, makePeerId } from '../../src/protocol/client-name.ts'

const id = (latin1: string): Uint8Array => Uint8Array.from(latin1.padEnd(20, 'x'), (c) => c.charCodeAt(0))

test('peer ids tell the client and its version', () => {
  expect(clientName(id('-TR3000-'))).toBe('Transmission 3.0.0')
  expect(clientName(id('-lt0D80-'))).toBe('libTorrent (rTorrent) 0.13.8')
  expect(clientName(id('-LT2080-'))).toBe('libtorrent 2.0.8')
  expect(clientName(id('-qB4610-'))).toBe('qBittorrent 4.6.1')
  expect(clientName(id('-WW0300-'))).toBe('WebTorrent 0.3.0')
  expect(clientName(id('-ZZ1230-'))).toBe('ZZ 1.2.3')
  expect(clientName(id('M7-10-1--'))).toBe('BitTorrent (mainline) 7.10.1')
  expect(clientName(id('T03I----'))).toBe('BitTornado 0.3.18')
  expect(clientName(id('A2-1-36-0-'))).toBe('aria2 1.36.0')
})

test('an id that follows no convention names nobody, not even Object.prototype', () => {
  for (const odd of ['', '\0'.repeat(20), '-TR30', 'constructor', '-A2'.padEnd(20, '\u001b'), 'Z12---'])
    expect(clientName(id(odd))).toBe('unknown')
})

test('whatever an id holds, the name is printable ASCII or µ, and short', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      expect(clientName(bytes)).toMatch(/^[\x20-\x7eµ]{1,40}$/)
    }),
  )
})

test('our own id carries our version, the rest is chance', () => {
  const random = new SeededRandom(1)
  const a = String.fromCharCode(...makePeerId(random, '0.1.0'))
  const b = String.fromCharCode(...makePeerId(random, '0.1.0'))
  expect(a.slice(0, 8)).toBe('-BW0100-')
  expect(a.slice(8)).not.toBe(b.slice(8))
  expect(clientName(makePeerId(random, '0.1.0'))).toBe('bitswarm 0.1.0')
  expect(clientName(makePeerId(random, '12.34.56-beta.1'))).toBe('bitswarm 12.34.56')
  expect(clientName(makePeerId(random, '1.99.0'))).toBe('bitswarm 1.61.0')
})
