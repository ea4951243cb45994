/** The wire of peer exchange: vectors of BEP 11, and bytes of strangers. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { familyOf, type Endpoint } from '../../src/protocol/endpoint.ts'
import { ProtocolError } from '../../src/protocol/errors.ts'
import { decodePex, encodePex, MAX_PEX_PEERS, type PexPeer } from '../../src/protocol/pex-message.ts'

const FOUR = Uint8Array.of(10, 0, 0, 7, 0x1a, 0xe1)
const SIX = Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x1a, 0xe1)
const four: Endpoint = { host: '10.0.0.7', port: 6881 }
const six: Endpoint = { host: 'fd00::9', port: 6881 }

describe('the message of BEP 11', () => {
  test('has compact peers, and one byte of flags for each', () => {
    const message = encodePex({
      added: [
        { endpoint: six, isSeed: true, isReachable: false },
        { endpoint: four, isSeed: false, isReachable: true },
      ],
      dropped: [six, four],
    })
    expect(message).toEqual(
      encodeBencode({
        added: FOUR,
        'added.f': Uint8Array.of(0x10),
        added6: SIX,
        'added6.f': Uint8Array.of(0x02),
        dropped: FOUR,
        dropped6: SIX,
      }),
    )
  })

  test('is read, with flags that mean nothing to us passed over', () => {
    const message = encodeBencode({ added: FOUR, 'added.f': Uint8Array.of(0x02 | 0x10 | 0x01 | 0x04 | 0x08) })
    expect(decodePex(message)).toEqual({
      added: [{ endpoint: four, isSeed: true, isReachable: true }],
      dropped: [],
    })
  })

  test('may lack flags, for all or for the last ones', () => {
    const added = Uint8Array.of(...FOUR, ...FOUR)
    const seeds = (message: { [key: string]: Uint8Array }): boolean[] =>
      decodePex(encodeBencode(message)).added.map(({ isSeed }) => isSeed)
    expect(seeds({ added })).toEqual([false, false])
    expect(seeds({ added, 'added.f': Uint8Array.of(2) })).toEqual([true, false])
  })

  test('may say nothing at all', () => {
    expect(decodePex(encodeBencode({}))).toEqual({ added: [], dropped: [] })
  })

  test('may wrap an IPv4 address as IPv6: it is the same peer', () => {
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...FOUR)
    expect(decodePex(encodeBencode({ dropped6: mapped })).dropped).toEqual([four])
  })
})

describe('of strangers', () => {
  test('no list is read beyond its limit', () => {
    const many = (one: Uint8Array): Uint8Array =>
      Uint8Array.from({ length: one.length * 10_000 }, (_, at) => one[at % one.length]!)
    const message = encodeBencode({
      added: many(FOUR),
      added6: many(SIX),
      dropped: many(FOUR),
      dropped6: many(SIX),
    })
    const { added, dropped } = decodePex(message)
    expect([added.length, dropped.length]).toEqual([2 * MAX_PEX_PEERS, 2 * MAX_PEX_PEERS])
  })

  test('values of the wrong kind are passed over, and so is an entry that is cut off', () => {
    const message = encodeBencode({
      added: Uint8Array.of(...FOUR, 1, 2, 3),
      'added.f': 7,
      added6: ['x'],
      dropped: { x: 1 },
      dropped6: SIX.subarray(1),
    })
    expect(decodePex(message)).toEqual({
      added: [{ endpoint: four, isSeed: false, isReachable: false }],
      dropped: [],
    })
  })

  test('too many values are refused', () => {
    const values = Array.from({ length: 1_000 }, () => 0)
    expect(() => decodePex(encodeBencode({ added: FOUR, x: values }))).toThrow(ProtocolError)
  })

  test('any bytes are a message or refused, and nothing else happens', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array(), fc.dictionary(key, fc.uint8Array()).map(encodeBencode)),
        (any) => {
          try {
            const { added, dropped } = decodePex(any)
            expect(added.length + dropped.length).toBeLessThanOrEqual(4 * MAX_PEX_PEERS)
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
          }
        },
      ),
    )
  })
})

const key = fc.constantFrom('added', 'added.f', 'added6', 'added6.f', 'dropped', 'dropped6')

test('what is written is read again, IPv4 first', () => {
  const endpoint: fc.Arbitrary<Endpoint> = fc.record({
    host: fc.oneof(
      fc.ipV4(),
      fc.integer({ min: 1, max: 0xffff }).map((n) => `2001:db8::${n.toString(16)}`),
    ),
    port: fc.integer({ min: 0, max: 65_535 }),
  })
  const peer: fc.Arbitrary<PexPeer> = fc.record({ endpoint, isSeed: fc.boolean(), isReachable: fc.boolean() })
  const byFamily = (a: Endpoint, b: Endpoint): number => familyOf(a.host) - familyOf(b.host)
  fc.assert(
    fc.property(
      fc.array(peer, { maxLength: 50 }),
      fc.array(endpoint, { maxLength: 50 }),
      (added, dropped) => {
        expect(decodePex(encodePex({ added, dropped }))).toEqual({
          added: added.toSorted((a, b) => byFamily(a.endpoint, b.endpoint)),
          dropped: dropped.toSorted(byFamily),
        })
      },
    ),
  )
})
