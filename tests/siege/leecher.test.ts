/** Peers that a leecher dials and that mean harm, next to an honest one. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '../../src/protocol/bitfield.ts'
import { encodeExtensionHandshake } from '../../src/protocol/extension.ts'
import {
  encodeBitfield,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodePieceHeader,
  encodeUnchoke,
} from '../../src/protocol/message.ts'
import { RawListener, type RawPeer } from './raw-peer.ts'
import { peak, restartPeak } from './resident-memory.ts'
import { MAX_GROWTH, MiB, PATIENCE_MS, Siege } from './siege.ts'

const BLOCK = 16_384

let siege: Siege
let honest: string
const listeners: RawListener[] = []
beforeEach(async () => {
  siege = await Siege.lay(6 * MiB)
  honest = (await siege.seeder('-max-up', '4MiB')).address
})
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.close()
  siege.lift()
})

/** A seed that answers requests with what `answer` makes, and begins with more than it should. */
function falseSeed(
  peer: RawPeer,
  answer: (peer: RawPeer, piece: number, begin: number, length: number) => void,
): void {
  peer.shake(siege.metainfo.infoHash)
  peer.send(encodeBitfield(Bitfield.full(siege.metainfo.geometry.pieceCount).bytes), encodeUnchoke())
  peer.onMessage = (message) => {
    if (message.type === 'request') answer(peer, message.piece, message.begin, message.length)
  }
}

const block = (piece: number, begin: number, length: number): Uint8Array =>
  Buffer.concat([encodePieceHeader(piece, begin, length), randomBytes(length)])

/** Each listens at an address of its own; what the leecher says of it at last, where that is certain. */
const ATTACKERS: readonly (readonly [string, (peer: RawPeer) => void, string | undefined])[] = [
  [
    'sends blocks that nobody asked for',
    (peer) => {
      falseSeed(peer, () => {})
      for (let i = 0; i < 200; i++) peer.send(block(i % 96, 0, BLOCK))
    },
    'wire.unrequested',
  ],
  [
    'sends each block ten times',
    (peer) =>
      falseSeed(peer, (to, piece, begin, length) => {
        for (let i = 0; i < 10; i++) to.send(block(piece, begin, length))
      }),
    undefined,
  ],
  [
    'sends a byte less',
    (peer) => falseSeed(peer, (to, piece, begin, length) => to.send(block(piece, begin, length - 1))),
    undefined,
  ],
  [
    'sends blocks a byte further on',
    (peer) => falseSeed(peer, (to, piece, begin, length) => to.send(block(piece, begin + 1, length - 1))),
    undefined,
  ],
  [
    'sends blocks behind the end',
    (peer) => falseSeed(peer, (to) => to.send(block(95, 65_535, BLOCK))),
    'wire.bad-piece',
  ],
  [
    'sends what is not right',
    (peer) => falseSeed(peer, (to, ...range) => to.send(block(...range))),
    'banned',
  ],
  ['promises everything and sends nothing', (peer) => falseSeed(peer, () => {}), undefined],
  [
    'changes its mind all the time',
    (peer) => {
      falseSeed(peer, () => {})
      for (let i = 0; i < 500; i++) peer.send(encodeChoke(), encodeUnchoke())
    },
    'wire.flood',
  ],
  [
    'has every piece twice and more',
    (peer) => {
      falseSeed(peer, () => {})
      for (let i = 0; i < 300; i++) peer.send(encodeHaves(Array.from({ length: 96 }, (_, piece) => piece)))
    },
    'wire.flood',
  ],
  [
    'wants two billion requests at once',
    (peer) => {
      falseSeed(peer, () => {})
      peer.extended(0, encodeExtensionHandshake({ ids: new Map(), requestQueue: 2 ** 31 }))
    },
    undefined,
  ],
  [
    'calls itself by an escape sequence',
    (peer) => {
      falseSeed(peer, () => {})
      peer.send(
        encodeExtended(0, Buffer.from('d1:v12:\u001b[2J\u001b]0;x\u0007\u00e2\u0080\u00aee', 'latin1')),
      )
    },
    undefined,
  ],
  [
    'shakes hands for another torrent',
    (peer) => peer.send(Buffer.from('\u0013BitTorrent protocol'.padEnd(68, 'x'), 'latin1')),
    undefined,
  ],
  [
    'pours noise',
    (peer) => {
      peer.shake(siege.metainfo.infoHash)
      void peer.flood(() => randomBytes(65_536))
    },
    undefined,
  ],
]

test(
  'all of them at once keep no byte from the leecher and cost it little',
  { timeout: 6 * PATIENCE_MS },
  async () => {
    const usual = await leech('quiet', [])
    for (const [at, [, treat]] of ATTACKERS.entries())
      listeners.push(await RawListener.open(`127.66.2.${at + 1}`, treat))
    const addresses = listeners.map(({ address }) => address)
    const attacked = await leech('attacked', addresses)
    for (const [at, [name, , reason]] of ATTACKERS.entries()) {
      const { left } = attacked
      const reasons = left.filter(({ peer }) => peer === addresses[at]).map(({ reason }) => reason)
      if (reason !== undefined) expect(reasons, name).toContain(reason)
    }
    process.stdout.write(
      `a leecher among ${ATTACKERS.length} attackers: ${(attacked.high - usual.high).toFixed(0)} MiB more\n`,
    )
    expect(attacked.high - usual.high).toBeLessThan(MAX_GROWTH)
  },
)

async function leech(name: string, peers: readonly string[]) {
  const words = [
    '-get',
    'payload.bin.bit',
    '-peer',
    [...peers, honest].join(','),
    '-dest',
    name,
    '-keep',
    '2',
  ]
  const leecher = siege.start(name, words)
  restartPeak(leecher.pid!)
  // Where nearly all lie, who lied is found by asking one after the other, and some of them do not answer.
  await leecher.waitFor('complete', 3 * PATIENCE_MS)
  expect(siege.isIntact(name)).toBe(true)
  const high = peak(leecher.pid!)
  expect(await leecher.exited).toBe(0)
  return { high, left: leecher.seen('peer_left') }
}
