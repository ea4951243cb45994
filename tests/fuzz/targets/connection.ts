import { SimClock } from '../../../src/app/sim/clock.ts'
import { PieceGeometry } from '../../../src/metainfo/geometry.ts'
import { PeerConnection } from '../../../src/peer/connection.ts'
import type { PeerObserver } from '../../../src/peer/peer-observer.ts'
import { MAX_WINDOW, MIN_WINDOW } from '../../../src/peer/request-window.ts'
import { MAX_QUEUED_REQUESTS } from '../../../src/peer/upload-queue.ts'
import { Bitfield } from '../../../src/protocol/bitfield.ts'
import { ERROR_CODES } from '../../../src/protocol/errors.ts'
import { encodeExtensionHandshake, ExtensionRegistry } from '../../../src/protocol/extension.ts'
import { toHex, type PeerId } from '../../../src/protocol/ids.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodeInterested,
  encodePieceHeader,
  encodeRequests,
  encodeUnchoke,
  type BlockRange,
} from '../../../src/protocol/message.ts'
import type { ByteStream, StreamHandler } from '../../../src/protocol/ports.ts'
import { chunksOf } from '../chunks.ts'
import { claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

/**
 * How the stream is cut, and what of our side is set: 1 it may download, 2 we know the metainfo only later; the rest says at
 * which word we have had enough of it.
 */
const HEAD_BYTES = 2
const PIECES = 11
const ENOUGH = 'enough'
/** Of what is told, a request at every second place is answered, and one at every seventh has the remote choked first. */
const ANSWERED = 2
const CHOKED = 7
/** Bytes that leave together. */
const MAX_RUN = 60
/** Ranges that we wait for. */
const MAX_ASKED = 12
const geometry = new PieceGeometry(40, [{ path: [], length: 40 * PIECES - 7 }])

export const target: FuzzTarget = {
  sources: ['peer/connection.ts', 'peer/remote-pieces.ts', 'peer/upload-queue.ts', 'peer/request-window.ts'],
  maxAllocation: (length) => 2 ** 23 + 1_024 * length,

  seeds: () => {
    const request = { piece: 1, begin: 0, length: 40 }
    const block = Buffer.concat([encodePieceHeader(3, 0, 40), new Uint8Array(40).fill(3)])
    const hello = encodeExtended(
      0,
      encodeExtensionHandshake({ ids: new Map([['ut_x', 1]]), requestQueue: 9, port: 5, longestBlock: 80 }),
    )
    const said = [
      encodeBitfield(Uint8Array.of(0b1010_0000, 0b0010_0000)),
      encodeHaves([3, 4]),
      encodeUnchoke(),
      encodeInterested(),
      encodeRequests([request, { ...request, piece: PIECES - 1, length: 33 }]),
      encodeCancels([request]),
      block,
      encodeChoke(),
      hello,
      encodeExtended(1, Uint8Array.of(1, 2, 3)),
    ]
    const flood = Array.from({ length: 80 }, () => block)
    return [0, 1, 2, 3].flatMap((flags) =>
      [said, [encodeBitfield(Uint8Array.of(255, 255))], [encodeHaves([PIECES])], flood].map((messages) =>
        Buffer.concat([Uint8Array.of(9, flags), ...messages]),
      ),
    )
  },

  run(data) {
    const [seed = 0, flags = 0] = data
    const stream = data.subarray(HEAD_BYTES)
    const whole = listen([stream], flags)
    claimSame(listen(chunksOf(stream, seed), flags), whole, 'cut into chunks')
  },
}

/** What the swarm hears of it. */
function listen(chunks: Iterable<Uint8Array>, flags: number): readonly string[] {
  const told: string[] = []
  const tell = (what: string): void => {
    claim(!told.some((before) => before.startsWith('closed')), `it was closed, and says ${what}`)
    told.push(what)
    if (told.length === flags >> 2) peer.close(ENOUGH)
  }
  let isInterested = false
  let turn = 0
  const asked: BlockRange[] = []
  const stream = new SilentStream()
  const observer: PeerObserver = {
    onPieces: ({ remote }) => tell(`pieces ${toHex(remote.pieces!.bytes)}`),
    onHave: (_peer, piece) => {
      claim(geometry.isPiece(piece), 'a piece that there is')
      tell(`have ${piece}`)
    },
    onChoke: () => tell('choke'),
    onUnchoke: () => {
      tell('unchoke')
      ask()
    },
    // Once a chunk, and only when it is another one than before the chunk.
    onInterest: (peer) => {
      claim(peer.uplink.isInterested !== isInterested && !peer.isClosed, 'an interest that has changed')
      isInterested = peer.uplink.isInterested
    },
    onBlocks: (peer, { piece, begin, length }, bytes) => {
      claim(
        geometry.isRange(piece, begin, length) && bytes.length === length,
        'blocks that lie in their piece',
      )
      tell(`blocks ${piece} ${begin} ${toHex(bytes)}`)
      // As the swarm does: more is asked for, and who sends what was never asked for is struck.
      const answered = asked.findIndex((range) => range.piece === piece && range.begin === begin)
      if (answered < 0) return peer.downlink.strike()
      asked.splice(answered, 1)
      ask()
    },
    onSupplyEnd: () => claim(!peer.isClosed, 'no end of blocks of who is gone'),
    onRequest: (_peer, piece) => {
      claim(geometry.isPiece(piece), 'a request for a piece that there is')
      tell(`request ${piece}`)
      if (told.length % ANSWERED === 0) answer(peer)
      if (told.length % CHOKED === 0) peer.uplink.choke()
      peer.uplink.unchoke()
    },
    onRequestsEnd: () => claim(!peer.isClosed, 'no end of requests of who is gone'),
    onExtensions: (_peer, fields) => tell(`extensions ${JSON.stringify(fields)}`),
    onClosed: (_peer, reason) => tell(`closed ${reason}`),
  }
  const registry = new ExtensionRegistry<PeerConnection>()
  registry.register('ut_x', (_peer, payload) => tell(`ut_x ${toHex(payload)}`))
  const peer: PeerConnection = new PeerConnection({
    id: 1,
    stream,
    direction: 'in',
    peerId: new Uint8Array(20) as PeerId,
    client: 'test',
    clock: new SimClock(),
    observer,
    extensions: { registry, fields: () => ({}) },
    download: { ask: (bytes) => bytes },
  })
  /** Two pieces in two halves each, and thinks better of it when it has asked for much. */
  const ask = (): void => {
    const first = (2 * turn++) % (PIECES - 1)
    const ranges = [first, first + 1].flatMap((piece) =>
      [0, 16].map((begin) => ({ piece, begin, length: 16 })),
    )
    peer.downlink.request(ranges)
    asked.push(...ranges)
    if (asked.length > MAX_ASKED) peer.downlink.cancel(asked.splice(0, asked.length - MAX_ASKED))
    const { window } = peer.downlink
    claim(window.size >= MIN_WINDOW && window.size <= MAX_WINDOW, 'a window within its limits')
  }
  const have = Bitfield.full(PIECES)
  if ((flags & 2) === 0) peer.onMetainfo(geometry, have)
  peer.start(new Uint8Array(0))
  if ((flags & 1) !== 0) peer.uplink.unchoke()
  for (const chunk of chunks) stream.handler.onData(chunk)
  if ((flags & 2) !== 0) peer.onMetainfo(geometry, have)

  const { queue } = peer.uplink
  claim((queue?.size ?? 0) <= MAX_QUEUED_REQUESTS && (queue?.bytes ?? 0) >= 0, 'few requests wait')
  claim((queue?.size ?? 0) > 0 || (queue?.bytes ?? 0) === 0, 'no request asks for nothing')
  claim(peer.isClosed === stream.isDestroyed, 'what is closed is destroyed')
  const reason = /^closed (.*)/.exec(told.at(-1) ?? '')?.[1]
  claim((reason !== undefined) === peer.isClosed, 'that it is closed is said')
  claim(
    reason === undefined || reason === ENOUGH || Object.hasOwn(ERROR_CODES, reason),
    'for a reason that is documented',
  )
  claim(peer.isClosed || peer.uplink.isInterested === isInterested, 'its interest is known')
  return told
}

/** As the uploader does: blocks that follow each other leave together. */
function answer(peer: PeerConnection): void {
  const { queue } = peer.uplink
  const run = queue!.peekRun(MAX_RUN)
  queue!.take(run)
  const [first] = run
  if (first === undefined) return
  const length = run.reduce((sum, range) => sum + range.length, 0)
  claim(
    run.length === 1 || (length <= MAX_RUN && geometry.isRange(first.piece, first.begin, length)),
    'what leaves together lies in a row in one piece',
  )
  let released = 0
  peer.uplink.sendBlocks(run, new Uint8Array(length), () => released++)
  claim(released === 1, 'it is released once')
}

class SilentStream implements ByteStream {
  readonly remote = { host: '10.0.0.2', port: 6_881 }
  readonly queuedBytes = 0
  handler!: StreamHandler
  isDestroyed = false

  write(_data: Uint8Array, done?: () => void): void {
    done?.()
  }

  pause(): void {}

  resume(): void {}

  destroy(): void {
    this.isDestroyed = true
  }
}
