/** Frames of a private network: who gets in, when, and how often. */
import { hkdfSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { opensslAead } from '../../../src/app/node/aead.ts'
import { SimClock } from '../../../src/app/sim/clock.ts'
import { SeededRandom } from '../../../src/app/sim/random.ts'
import { FRAME_OVERHEAD, Framer, MAX_SKEW, type Opened } from '../../../src/dht/frames/framer.ts'
import { hkdf, HMAC_BLOCK, HmacKey } from '../../../src/dht/frames/hmac.ts'
import { KeyRing } from '../../../src/dht/frames/key-ring.ts'
import { NetworkClock } from '../../../src/dht/frames/network-clock.ts'
import type { FrameMode, SwarmKey } from '../../../src/dht/frames/swarm-key.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'
import type { Clock } from '../../../src/protocol/ports.ts'
import { hashes } from '../../support/hashes.ts'
import { idOf } from '../lone-node.ts'

const TEXT = '{"v":1,"type":"ping","t":"abcdefgh","id":"0101010101010101010101010101010101010101"}'
const MODES: readonly FrameMode[] = ['hmac', 'aead']

const key = (byte: number, mode: FrameMode = 'hmac'): SwarmKey => ({
  secret: new Uint8Array(32).fill(byte),
  mode,
})

let clock: SimClock
let framers = 0

beforeEach(() => {
  clock = new SimClock()
})

/** A member. `clockError`: how far its wall clock is off. */
function member(id: NodeId, keys: readonly SwarmKey[], clockError = 0): Framer {
  const own: Clock = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow() + clockError,
    after: (delay, fn) => clock.after(delay, fn),
  }
  const framer = new Framer({
    keys: new KeyRing(keys, { hashes, aead: opensslAead }),
    clock: own,
    random: new SeededRandom(framers++),
    time: new NetworkClock(own),
  })
  framer.ownId = id
  return framer
}

const text = (opened: Opened | string): string =>
  typeof opened === 'string' ? opened : new TextDecoder().decode(opened.body)

/** A copy: a frame is valid until the next one is sealed. */
const sealed = (by: Framer, to: NodeId | undefined, what = TEXT): Uint8Array =>
  by.seal(new TextEncoder().encode(what), to).slice()

const AT = { mode: 1, keyId: 2, salt: 4, sequence: 12, body: 19 }

test('keys are derived as HKDF-SHA-256 does, and signatures made as HMAC does', () => {
  const secret = new Uint8Array(32).map((_, at) => at)
  for (const salt of [new Uint8Array(), new Uint8Array(8).fill(7)])
    expect(hkdf(hashes.hmac, secret, salt, 'dht1 aead')).toEqual(
      new Uint8Array(hkdfSync('sha256', secret, salt, 'dht1 aead', 32)),
    )
  for (const length of [0, 1, 55, 56, 64, 300]) {
    const message = new Uint8Array(length).fill(length)
    const buffer = new Uint8Array(HMAC_BLOCK + length + 5)
    buffer.set(message, HMAC_BLOCK)
    expect(new HmacKey(hashes.sha256, secret).sign(buffer, HMAC_BLOCK + length)).toEqual(
      hashes.hmac(secret, message),
    )
  }
})

describe.each(MODES)('a frame in mode %s', (mode) => {
  let alice: Framer
  let bob: Framer

  beforeEach(() => {
    alice = member(idOf(1), [key(1, mode)])
    bob = member(idOf(2), [key(1, mode)])
  })

  test('is read by whom it is for, in 35 bytes more than what it says', () => {
    const frame = sealed(alice, idOf(2))
    expect(frame.length).toBe(TEXT.length + FRAME_OVERHEAD)
    expect(FRAME_OVERHEAD).toBe(35)
    expect([...frame.subarray(0, 2)]).toEqual([0xd1, mode === 'hmac' ? 1 : 2])
    const readable = new TextDecoder('latin1').decode(frame).includes(TEXT)
    expect(readable).toBe(mode === 'hmac')
    const opened = bob.open(frame)
    expect(text(opened)).toBe(TEXT)
    expect(opened).toMatchObject({ isFirstContact: false, isTimely: true })
  })

  test('says nothing to any other member, who would not know that it is not for him', () => {
    expect(text(member(idOf(3), [key(1, mode)]).open(sealed(alice, idOf(2))))).toBe('tag')
  })

  test('for an address whose node is not known is read by everyone, and seen to be such', () => {
    expect(bob.open(sealed(alice, undefined))).toMatchObject({ isFirstContact: true })
  })

  test('with any bit changed, or the last byte missing, is nothing', () => {
    const frame = sealed(alice, idOf(2))
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const changed = frame.slice()
      changed[bit >>> 3]! ^= 1 << (bit & 7)
      expect(['frame', 'key', 'tag']).toContain(bob.open(changed))
    }
    expect(bob.open(frame.subarray(0, -1))).toBe('tag')
    expect(text(bob.open(frame))).toBe(TEXT)
  })

  test('counts once', () => {
    const frame = sealed(alice, idOf(2))
    expect(text(bob.open(frame))).toBe(TEXT)
    expect(bob.open(frame)).toBe('replay')
  })

  test('is late after two minutes, and early two minutes before its time', () => {
    const late = sealed(member(idOf(1), [key(1, mode)]), idOf(2))
    const early = sealed(member(idOf(1), [key(1, mode)], MAX_SKEW + 1), idOf(2))
    expect(bob.open(early)).toMatchObject({ isTimely: false })
    clock.runUntil(MAX_SKEW)
    expect(bob.open(sealed(alice, idOf(2)))).toMatchObject({ isTimely: true })
    clock.runUntil(MAX_SKEW + 1)
    expect(bob.open(late)).toMatchObject({ isTimely: false })
  })

  test('that was heard in time, or is older than one that was, is a repetition for ever', () => {
    const frames = [sealed(alice, idOf(2)), sealed(alice, idOf(2)), sealed(alice, idOf(2))]
    expect(text(bob.open(frames[1]!))).toBe(TEXT)
    clock.runUntil(10 * MAX_SKEW)
    expect(frames.map((frame) => text(bob.open(frame)))).toEqual(['replay', 'replay', TEXT])
  })

  test('of our own is a reflection', () => {
    expect(alice.open(sealed(alice, idOf(1)))).toBe('reflection')
  })

  test('under another key, or the same key id and another key, is nothing', () => {
    const frame = sealed(alice, idOf(2))
    const stranger = sealed(member(idOf(1), [key(9, mode)]), idOf(2))
    expect(bob.open(stranger)).toBe('key')
    stranger.set(frame.subarray(AT.keyId, AT.salt), AT.keyId)
    expect(bob.open(stranger)).toBe('tag')
  })

  test('of an unknown mode, of open text, or shorter than its own header is nothing', () => {
    const frame = sealed(alice, idOf(2))
    frame[AT.mode] = 3
    expect(bob.open(frame)).toBe('frame')
    expect(bob.open(new TextEncoder().encode(TEXT))).toBe('frame')
    expect(bob.open(sealed(alice, idOf(2)).subarray(0, FRAME_OVERHEAD))).toBe('frame')
  })

  test('has a number that grows although the clock is set back by half a minute; by an hour, it is one of a new sender', () => {
    const frames: { readonly salt: string; readonly number: bigint }[] = []
    let error = 0
    const own: Clock = {
      now: () => 0,
      wallNow: () => Date.UTC(2026, 0, 1) + error,
      after: () => () => undefined,
    }
    const keys = new KeyRing([key(1, mode)], { hashes, aead: opensslAead })
    const framer = new Framer({ keys, clock: own, random: new SeededRandom(1), time: new NetworkClock(own) })
    for (error of [0, 0, -30_000, 10, -3_600_000, -3_600_000]) {
      const frame = framer.seal(new TextEncoder().encode(TEXT), undefined)
      let number = 0n
      for (const byte of frame.subarray(AT.sequence, AT.body)) number = 256n * number + BigInt(byte)
      frames.push({ salt: frame.subarray(AT.salt, AT.sequence).join(), number })
    }
    const first = BigInt(Date.UTC(2026, 0, 1)) * 1_000n
    const hourAgo = first - 3_600_000_000n
    expect(frames.map(({ number }) => number)).toEqual([
      first,
      first + 1n,
      first + 2n,
      first + 10_000n,
      hourAgo,
      hourAgo + 1n,
    ])
    const salts = frames.map(({ salt }) => salt)
    expect(new Set(salts.slice(0, 4)).size).toBe(1)
    expect(new Set(salts.slice(3)).size).toBe(2)
  })

  test('while keys change: who has the new one second hears the others, and is heard when it comes first', () => {
    const ring = {
      old: [key(1, mode)],
      both: [key(1, mode), key(2, mode)],
      next: [key(2, mode), key(1, mode)],
    }
    const hears = (from: readonly SwarmKey[], to: readonly SwarmKey[]): boolean =>
      text(member(idOf(8), to).open(sealed(member(idOf(7), from), idOf(8)))) === TEXT
    expect(hears(ring.old, ring.both)).toBe(true)
    expect(hears(ring.both, ring.old)).toBe(true)
    expect(hears(ring.both, ring.next)).toBe(true)
    expect(hears(ring.next, ring.both)).toBe(true)
    expect(hears(ring.next, ring.old)).toBe(false)
  })
})

test('who signs understands who encrypts, and the other way round', () => {
  const signer = member(idOf(1), [key(1, 'hmac')])
  const encrypter = member(idOf(2), [key(1, 'aead')])
  expect(text(signer.open(sealed(encrypter, idOf(1))))).toBe(TEXT)
  expect(text(encrypter.open(sealed(signer, idOf(2))))).toBe(TEXT)
})

test('invented senders of encrypted frames cost two thousand derived keys a second, and no member its own', () => {
  const bob = member(idOf(2), [key(1, 'aead')])
  const alice = member(idOf(1), [key(1, 'aead')])
  expect(text(bob.open(sealed(alice, idOf(2))))).toBe(TEXT)
  const forged = sealed(alice, idOf(2))
  const reasons: Record<string, number> = {}
  for (let salt = 0; salt < 10_000; salt++) {
    new DataView(forged.buffer).setUint32(AT.salt, salt)
    const reason = text(bob.open(forged))
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  expect(reasons).toEqual({ tag: 1_999, 'salt-rate': 8_001 })
  expect(text(bob.open(sealed(alice, idOf(2))))).toBe(TEXT)
})

test('two keys that frames could not tell apart are refused', () => {
  expect(() => member(idOf(1), [key(1), key(1, 'aead')])).toThrow(/same key id/)
})
