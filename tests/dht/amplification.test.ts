/** Nobody can be flooded through us: whatever a stranger sends, three times as many bytes come back at most. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { opensslAead } from '../../src/app/node/aead.ts'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { decodeMessage, encodedLength, encodeMessage } from '../../src/dht/wire/codec.ts'
import { ContactBook } from '../../src/dht/table/contact.ts'
import { DatagramPort } from '../../src/dht/wire/datagram-port.ts'
import { Framer, FRAME_OVERHEAD } from '../../src/dht/frames/framer.ts'
import { KeyRing } from '../../src/dht/frames/key-ring.ts'
import {
  MAX_SENT_BYTES,
  type AnnounceMessage,
  type FindPeersMessage,
  type Message,
  type PeersMessage,
  type Request,
} from '../../src/dht/wire/messages.ts'
import { NetworkClock } from '../../src/dht/frames/network-clock.ts'
import { DhtNode } from '../../src/dht/node.ts'
import type { FrameMode } from '../../src/dht/frames/swarm-key.ts'
import { sameEndpoint, type Endpoint, type Family } from '../../src/protocol/endpoint.ts'
import type { InfoHash, NodeId } from '../../src/protocol/ids.ts'
import type { Clock, Datagrams } from '../../src/protocol/ports.ts'
import { hashes } from '../support/hashes.ts'
import { idOf, infoHash } from './lone-node.ts'

const NET = 'fleet'
const hostOf = (family: Family, at: number): string =>
  family === 4
    ? `${20 + (at >>> 16)}.${(at >>> 8) & 255}.${at & 255}.1`
    : `2001:4860:${(at >>> 8) + 1}:${at & 255}::1`

/** Two nodes of one process, one for each family, that know many others and hold many peers. */
class Target {
  readonly clock = new SimClock()
  readonly #nodes = new Map<Family, DhtNode>()
  readonly #sockets = new Map<Family, Datagrams>()
  readonly #keys: KeyRing | undefined
  #sent: { readonly data: Uint8Array; readonly to: Endpoint }[] = []
  #strangers = 1_000_000

  constructor(mode: FrameMode | undefined) {
    this.#keys =
      mode && new KeyRing([{ secret: new Uint8Array(32).fill(7), mode }], { hashes, aead: opensslAead })
    for (const family of [4, 6] as const) this.#start(family)
    for (const family of [4, 6] as const) this.#fill(family)
  }

  #start(family: Family): void {
    const socket: Datagrams = {
      local: { host: family === 4 ? '9.9.9.9' : '2001:4860::9', port: 10_000 },
      onDatagram: () => undefined,
      send: (data, to) => this.#sent.push({ data: data.slice(), to }),
      close: () => undefined,
    }
    const { clock } = this
    const random = new SeededRandom(family)
    const frames = this.#keys && { keys: this.#keys, random }
    const book = new ContactBook(family)
    const node = new DhtNode({
      family,
      port: new DatagramPort(socket, { clock, net: NET, frames }),
      clock,
      random,
      emit: () => undefined,
      id: idOf(family),
      book,
      otherNodes: (target, count, scope) =>
        this.#nodes.get(family === 4 ? 6 : 4)?.packNodes(target, count, scope),
    })
    this.#nodes.set(family, node)
    this.#sockets.set(family, socket)
    for (let i = 0; i < 60; i++) {
      const id = random.fill(new Uint8Array(20)) as NodeId
      const contact = book.intern(id, { host: hostOf(family, i), port: 20_000 })
      node.adopt(contact, clock.now(), [20])
      book.release(contact)
    }
  }

  /** Peers of `infoHash`, each announced as it must be. */
  #fill(family: Family): void {
    for (let i = 0; i < 120; i++) {
      const from = { host: hostOf(family, 100_000 + i), port: 20_000 }
      const id = idOf(200)
      const { reply } = this.ask({ type: 'findPeers', t: 'abcdefgh', id, infoHash }, { family, from })
      const token = (reply as PeersMessage).token!
      this.ask({ type: 'announce', t: 'abcdefgh', id, infoHash, token, port: 7_000 }, { family, from })
    }
    expect(this.#nodes.get(family)!.snapshot().storedPeers).toBe(120)
  }

  /** @returns bytes of the question, of what it brought to its sender, and of what went elsewhere; and the answer */
  ask(
    message: Request,
    { family, from, clockError = 0 }: { family: Family; from?: Endpoint; clockError?: number },
  ): {
    readonly asked: number
    readonly answered: number
    readonly elsewhere: number
    readonly reply?: Message
  } {
    const sender = from ?? { host: hostOf(family, this.#strangers++), port: 20_000 }
    const framer = this.#framer(message.id, clockError)
    const open = new TextEncoder().encode(encodeMessage(message, NET))
    const data = framer?.seal(open, idOf(family)).slice() ?? open
    this.#sent = []
    this.#sockets.get(family)!.onDatagram(data, sender)
    const sum = (isSender: boolean): number =>
      this.#sent
        .filter(({ to }) => sameEndpoint(to, sender) === isSender)
        .reduce((all, one) => all + one.data.length, 0)
    const reply = this.#sent.map((one) => this.#read(one.data, framer)).find((one) => one !== undefined)
    const result = { asked: data.length, answered: sum(true), elsewhere: sum(false), ...(reply && { reply }) }
    this.clock.runUntil(this.clock.now() + 20)
    return result
  }

  /** A member that asks. */
  #framer(id: NodeId, clockError: number): Framer | undefined {
    if (this.#keys === undefined) return undefined
    const clock: Clock = {
      now: () => this.clock.now(),
      wallNow: () => this.clock.wallNow() + clockError,
      after: () => () => undefined,
    }
    const random = new SeededRandom(this.#strangers)
    const framer = new Framer({ keys: this.#keys, clock, random, time: new NetworkClock(clock) })
    framer.ownId = id
    return framer
  }

  #read(data: Uint8Array, framer: Framer | undefined): Message | undefined {
    const opened = framer === undefined ? { body: data } : framer.open(data)
    if (typeof opened === 'string') throw new Error(`it sent a frame that says: ${opened}`)
    const message = decodeMessage(opened.body, NET)
    return typeof message === 'string' ? undefined : message
  }
}

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }) as fc.Arbitrary<NodeId & InfoHash>
const t = fc.constantFrom('abcd', 'abcdefgh', 'abcdefghijklmnop')
const pad = fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined })
const want = fc.option(fc.subarray<'n4' | 'n6'>(['n4', 'n6']), { nil: undefined })
const token = fc.constantFrom('a', 'AAAAAAAAAAAAAAAA', 'x'.repeat(64))
const known = fc.oneof(id, fc.constant(infoHash as InfoHash & NodeId))
const ro = fc.constantFrom(undefined, 1 as const)

const question: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ type: fc.constant('ping' as const), t, id, pad, ro, rp: fc.constantFrom(undefined, 3_333) }),
  fc
    .record({
      t,
      id,
      pad,
      ro,
      want,
      key: known,
      isHash: fc.boolean(),
      token: fc.option(token, { nil: undefined }),
    })
    .map(({ key, isHash, ...rest }): FindPeersMessage => ({
      type: 'findPeers',
      ...rest,
      ...(isHash ? { infoHash: key } : { target: key }),
    })),
  fc
    .record({
      t,
      id,
      pad,
      infoHash: known,
      token,
      port: fc.integer({ min: 1, max: 65_535 }),
      isImplied: fc.boolean(),
    })
    .map(({ port, isImplied, ...rest }): AnnounceMessage => ({
      type: 'announce',
      ...rest,
      ...(isImplied ? { implied: 1 as const } : { port }),
    })),
)

describe.each([undefined, 'hmac', 'aead'] as const)('in a network with mode %s', (mode) => {
  let target: Target

  beforeAll(() => {
    target = new Target(mode)
  })

  test('any question from an address that has proven nothing', () => {
    const family = fc.constantFrom(4 as const, 6 as const)
    const clockError = mode === undefined ? fc.constant(0) : fc.constantFrom(0, 0, 0, 3_600_000)
    let most = 0
    fc.assert(
      fc.property(question, family, clockError, (message, asFamily, error) => {
        fc.pre(encodedLength(message) <= 1_200 - FRAME_OVERHEAD - 20)
        const { asked, answered, elsewhere } = target.ask(message, { family: asFamily, clockError: error })
        expect(answered).toBeLessThanOrEqual(Math.min(MAX_SENT_BYTES, 3 * asked))
        expect(elsewhere).toBe(0)
        most = Math.max(most, answered / asked)
      }),
      { numRuns: 400 },
    )
    // The limit is used, or this test would show nothing.
    expect(most).toBeGreaterThan(2.5)
  })

  test('the two questions that bring most, at every length that there is', () => {
    for (const key of [{ infoHash }, { target: idOf(0xab) }])
      for (const family of [4, 6] as const)
        for (let padding = 0; padding <= 1_000; padding += 7) {
          const message: Request = {
            type: 'findPeers',
            t: 'abcd',
            id: idOf(1),
            want: ['n4', 'n6'],
            pad: padding,
            ...key,
          }
          if (encodedLength(message) > 1_200 - FRAME_OVERHEAD - 20) break
          const { asked, answered } = target.ask(message, { family })
          expect(answered).toBeGreaterThan(0)
          expect(answered).toBeLessThanOrEqual(Math.min(MAX_SENT_BYTES, 3 * asked))
        }
  })
})
