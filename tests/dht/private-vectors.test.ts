/** The published vectors of frames and ids, and the drop reasons that the page names. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { opensslAead } from '../../src/app/node/aead.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { Framer } from '../../src/dht/frames/framer.ts'
import { hkdf } from '../../src/dht/frames/hmac.ts'
import { CHECKSUM_IDS, hashedIds } from '../../src/dht/identity/id-rule.ts'
import { KeyRing } from '../../src/dht/frames/key-ring.ts'
import { NetworkClock } from '../../src/dht/frames/network-clock.ts'
import type { FrameMode } from '../../src/dht/frames/swarm-key.ts'
import { compactEndpoint } from '../../src/protocol/endpoint.ts'
import { fromHex, toHex, type NodeId } from '../../src/protocol/ids.ts'
import type { Clock, Random } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'

const hex = z.string().regex(/^([0-9a-f]{2})+$/)
const { keys, frames, refused, ids } = z
  .object({
    keys: z.array(z.object({ what: z.string(), key: hex, salt: hex, keyId: hex, macKey: hex, aeadKey: hex })),
    refused: z.array(
      z.object({
        what: z.string(),
        key: hex,
        unixMs: z.int(),
        receiver: hex,
        frame: hex,
        reason: z.string(),
      }),
    ),
    frames: z.array(
      z.object({
        what: z.string(),
        key: hex,
        mode: z.enum(['hmac', 'aead']),
        salt: hex,
        unixMs: z.int(),
        receiver: hex.nullable(),
        message: z.string(),
        frame: hex,
      }),
    ),
    ids: z.array(
      z.object({
        what: z.string(),
        rule: z.enum(['checksum', 'hash']),
        net: z.string().optional(),
        host: z.string(),
        port: z.int(),
        id: hex,
        fits: z.boolean(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../../docs/dht-vectors.json', import.meta.url), 'utf8')))

function framerOf(key: string, mode: FrameMode, unixMs: number, random: Random): Framer {
  const clock: Clock = { now: () => 0, wallNow: () => unixMs, after: () => () => undefined }
  const ring = new KeyRing([{ secret: fromHex(key)!, mode }], { hashes, aead: opensslAead })
  return new Framer({ keys: ring, clock, random, time: new NetworkClock(clock) })
}

test.each(keys)('published: $what', ({ key, salt, keyId, macKey, aeadKey }) => {
  const derived = (from: Uint8Array, label: string): string =>
    toHex(hkdf(hashes.hmac, fromHex(key)!, from, label))
  expect(derived(new Uint8Array(), 'dht1 key id').slice(0, 4)).toBe(keyId)
  expect(derived(new Uint8Array(), 'dht1 mac')).toBe(macKey)
  expect(derived(fromHex(salt)!, 'dht1 aead')).toBe(aeadKey)
})

test.each(refused)('published: $what', ({ key, unixMs, receiver, frame, reason }) => {
  const reader = framerOf(key, 'hmac', unixMs, new SeededRandom(1))
  reader.ownId = fromHex(receiver)!
  expect(reader.open(fromHex(frame)!)).toBe(reason)
})

test('the page spells out one of the frames, byte by byte', () => {
  const page = readFileSync(new URL('../../docs/dht.md', import.meta.url), 'utf8')
  const [, example = ''] = /^```hex\n(.*?)^```$/ms.exec(page) ?? []
  const spelled = example.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, '')
  expect(frames.map(({ frame }) => frame)).toContain(spelled)
})

describe.each(frames)('published: $what', ({ key, mode, salt, unixMs, receiver, message, frame }) => {
  const framer = (random: Random): Framer => framerOf(key, mode, unixMs, random)
  const to = receiver === null ? undefined : (fromHex(receiver) as NodeId)

  test('is what we send', () => {
    const fixed: Random = {
      int: () => 0,
      float: () => 0,
      fill: (bytes) => {
        bytes.set(fromHex(salt)!)
        return bytes
      },
      fork: () => fixed,
    }
    expect(toHex(framer(fixed).seal(new TextEncoder().encode(message), to))).toBe(frame)
  })

  test('is what we understand', () => {
    const reader = framer(new SeededRandom(1))
    reader.ownId = to ?? new Uint8Array(20).fill(1)
    const opened = reader.open(fromHex(frame)!)
    if (typeof opened === 'string') throw new Error(`dropped: ${opened}`)
    expect(new TextDecoder().decode(opened.body)).toBe(message)
    expect(opened).toMatchObject({ isTimely: true, isFirstContact: to === undefined })
  })
})

test.each(ids)('published: $what', ({ rule, net, host, port, id, fits }) => {
  const contact = Uint8Array.from([...fromHex(id)!, ...compactEndpoint({ host, port })])
  expect((rule === 'checksum' ? CHECKSUM_IDS : hashedIds(hashes.sha256, net)).fits(contact)).toBe(fits)
})
