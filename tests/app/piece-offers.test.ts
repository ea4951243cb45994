/** What peers are told that we have. */
import { beforeEach, describe, expect, test } from 'vitest'
import { MAX_OFFERED_PIECES, PieceOffers } from '../../src/app/piece-offers.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import type { PeerConnection } from '../../src/peer/connection.ts'
import { PATIENCE } from '../../src/peer/super-seeding.ts'
import { UploadQueue } from '../../src/peer/upload-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'

const PIECES = 16
const PIECE_LENGTH = 16_384

/** Pieces that each peer was told of, by its id. */
let shown: Map<number, number[]>
let offers: PieceOffers
let have: Bitfield

function join(id: number, now = 0): PeerConnection {
  const told: number[] = []
  const peer = {
    id,
    remote: { pieces: new Bitfield(PIECES) },
    uplink: {
      isChoked: false,
      isInterested: true,
      queue: new UploadQueue(PIECE_LENGTH),
      sendHaves: (pieces: readonly number[]) => told.push(...pieces),
    },
  } as unknown as PeerConnection
  shown.set(id, told)
  told.push(...offers.add(peer, now).indices())
  return peer
}

function makeOffers(pieces: Bitfield, isLimited = false, pieceLength = PIECE_LENGTH): PieceOffers {
  return new PieceOffers({
    have: pieces,
    pieceLength,
    groupSize: 1,
    isLimited: () => isLimited,
    random: new SeededRandom(1),
  })
}

beforeEach(() => {
  shown = new Map()
  have = Bitfield.full(PIECES)
  offers = makeOffers(have)
})

test('the first peer is shown one piece, and everything when it stays alone', () => {
  join(1, 5_000)
  expect(shown.get(1)).toHaveLength(1)
  offers.round(6_999)
  expect(shown.get(1)).toHaveLength(1)
  offers.round(7_000)
  expect(shown.get(1)!.sort((a, b) => a - b)).toEqual(Bitfield.full(PIECES).indices())
})

test.each([
  { payload: '16 MiB', count: 64, pieceLength: 2 ** 18, isLimited: false, first: 4 },
  { payload: '1 GiB', count: 4_096, pieceLength: 2 ** 18, isLimited: false, first: 16 },
  { payload: '1 GiB, long pieces', count: 128, pieceLength: 2 ** 23, isLimited: false, first: 1 },
  { payload: '1 GiB, limited', count: 4_096, pieceLength: 2 ** 18, isLimited: true, first: 1 },
])(
  'of $payload a peer is shown $first at first: a sixteenth, or 4 MiB, or one under a limit',
  ({ count, pieceLength, isLimited, first }) => {
    offers = makeOffers(Bitfield.full(count), isLimited, pieceLength)
    join(1)
    expect(shown.get(1)).toHaveLength(first)
  },
)

/** Peers take what they are shown, in turn, until every piece is out. */
function takeAll(...peers: readonly PeerConnection[]): void {
  for (let taken = 0; taken < PIECES; taken++)
    for (const peer of peers) {
      const piece = shown.get(peer.id)![taken]
      if (piece === undefined) continue
      offers.onRequest(peer, piece, 0)
      offers.onRequestsEnd(peer)
    }
}

test('whoever takes what it is shown is shown the next, until every piece is out', () => {
  takeAll(join(1), join(2))
  const all = [...shown.get(1)!, ...shown.get(2)!]
  expect(all.sort((a, b) => a - b)).toEqual(Bitfield.full(PIECES).indices())

  join(3)
  expect(shown.get(3)).toHaveLength(PIECES)
})

test('pieces of which only one that leaves knew are shown again, and others go on as before', () => {
  const [gone, stays] = [join(1), join(2)]
  takeAll(gone, stays)
  offers.remove(gone)
  join(3)
  expect(shown.get(3)).toHaveLength(1)
  expect(shown.get(1)).toContain(shown.get(3)![0])
  offers.onRequestsEnd(stays)
  const next = shown.get(2)!.at(-1)
  expect([shown.get(1)!.includes(next!), next === shown.get(3)![0]]).toEqual([true, false])
})

describe('what peers have from elsewhere', () => {
  test('need not be shown to anybody: they are shown the rest', () => {
    const peer = join(1)
    for (const piece of have.indices().slice(2)) peer.remote.pieces!.set(piece)
    peer.remote.pieces!.set(shown.get(1)![0]!)
    const rest = have.indices().filter((piece) => !peer.remote.pieces!.has(piece))
    offers.onPieces(peer)
    expect(rest).toContain(shown.get(1)!.at(-1))
    for (const piece of rest) offers.onHave(peer, piece)
    join(2)
    expect(shown.get(2)).toHaveLength(PIECES)
  })

  test('of what they were shown makes room for the next', () => {
    const peer = join(1)
    offers.onHave(peer, shown.get(1)![0]!)
    expect(shown.get(1)).toHaveLength(2)
  })

  test('counts when we become a seeder: only what nobody has is kept from newcomers', () => {
    const growing = Bitfield.full(PIECES)
    growing.clear(0)
    offers = makeOffers(growing)
    const [leecher, other] = [join(1), join(2)]
    for (const piece of have.indices()) if (piece !== 7) leecher.remote.pieces!.set(piece)
    growing.set(0)
    join(3)
    expect(shown.get(3)).toEqual([7])
    offers.onHave(other, 7)
    join(4)
    expect(shown.get(4)).toHaveLength(PIECES)
  })
})

test('once every piece is out, who has been sent all that it asked for is shown one that others have', () => {
  const peers = [join(1), join(2)]
  offers.onAllServed(peers[0]!)
  expect(shown.get(1)).toHaveLength(1)
  takeAll(...peers)
  const before = shown.get(1)!.length
  offers.onAllServed(peers[0]!)
  expect(shown.get(1)).toHaveLength(before + 1)
  expect(shown.get(2)).toContain(shown.get(1)!.at(-1))
  takeAll(peers[0]!)
  offers.onIdle()
  expect(shown.get(1)).toHaveLength(before + 2)
})

test('what one was sent and nobody else has counts until it is passed on, and is served in good time', () => {
  const [taker, other] = [join(1), join(2)]
  const [first, second] = [shown.get(1)![0]!, shown.get(2)![0]!]
  for (const [peer, piece] of [
    [taker, first],
    [other, second],
  ] as const)
    offers.onRequest(peer, piece, 0)
  offers.onServed(taker, first)
  expect([taker, other].map((peer) => offers.unspreadCount(peer))).toEqual([1, 0])
  offers.onRequest(taker, 15, 0)
  expect(offers.rankOf(taker, 15)).toBeGreaterThan(offers.rankOf(other, second))
  offers.onHave(other, first)
  expect(offers.unspreadCount(taker)).toBe(0)
  expect(offers.rankOf(taker, first)).toBeGreaterThan(offers.rankOf(taker, 15))
})

test('who asks at once for all that it knows of is shown twice as many next', () => {
  const peer = join(1)
  const steps = [1, 3, 7].map((known) => {
    for (const piece of shown.get(1)!) offers.onRequest(peer, piece, 0)
    offers.onRequestsEnd(peer)
    return [known, shown.get(1)!.length]
  })
  expect(steps).toEqual([
    [1, 3],
    [3, 7],
    [7, 15],
  ])
  expect(offers.isHiding(peer)).toBe(true)
})

describe('under an upload limit', () => {
  /** How many pieces each peer has asked for. */
  let asked: Map<number, number>

  /** It asks for all that it knows of and has not asked for. */
  function askForAll(peer: PeerConnection): void {
    const known = [...shown.get(peer.id)!]
    for (const piece of known.slice(asked.get(peer.id))) {
      peer.uplink.queue!.push({ piece, begin: 0, length: PIECE_LENGTH })
      offers.onRequest(peer, piece, 0)
    }
    asked.set(peer.id, known.length)
    offers.onRequestsEnd(peer)
  }

  /** The first that it waits for leaves. */
  function serve(peer: PeerConnection): void {
    const request = peer.uplink.queue!.peek()!
    peer.uplink.queue!.take([request])
    offers.onServed(peer, request.piece)
  }

  beforeEach(() => {
    asked = new Map()
    offers = makeOffers(have, true)
  })

  test('the next piece is shown when the one before leaves', () => {
    const peers = [join(1), join(2)]
    for (const peer of peers) askForAll(peer)
    expect([shown.get(1), shown.get(2)].map((pieces) => pieces!.length)).toEqual([1, 1])
    serve(peers[1]!)
    expect([shown.get(1), shown.get(2)].map((pieces) => pieces!.length)).toEqual([1, 2])
  })

  test('what waits to be sent counts as shown, by the piece', () => {
    const asking = join(1)
    askForAll(asking)
    serve(asking)
    offers.onIdle()
    expect(shown.get(1)).toHaveLength(3)
    askForAll(asking)
    expect(shown.get(1)).toHaveLength(3)
    serve(asking)
    expect(shown.get(1)).toHaveLength(4)
  })

  test('when we would idle whoever asks is shown twice as many', () => {
    const [asking, silent] = [join(1), join(2)]
    const steps = [1, 2, 3].map(() => {
      askForAll(asking)
      while (asking.uplink.queue!.size > 0) serve(asking)
      offers.onIdle()
      return [shown.get(1)!.length, shown.get(silent.id)!.length]
    })
    expect(steps).toEqual([
      [3, 1],
      [7, 1],
      [15, 1],
    ])
  })
})

test('whoever takes nothing is shown everything', () => {
  join(1)
  join(2)
  offers.round(PATIENCE)
  expect(shown.get(1)).toHaveLength(PIECES)
})

test('whoever waits for what it has asked for is not blamed for taking nothing', () => {
  const [waiting] = [join(1), join(2)]
  waiting!.uplink.queue!.push({ piece: shown.get(1)![0]!, begin: 0, length: PIECE_LENGTH })
  offers.round(PATIENCE)
  expect([shown.get(1)!.length, shown.get(2)!.length]).toEqual([1, PIECES])
})

test('who may not take anything is shown no more, unless it does not want what it is shown', () => {
  const [patient, other] = [join(1), join(2)]
  Object.assign(patient.uplink, { isChoked: true })
  Object.assign(other.uplink, { isChoked: true, isInterested: false })
  for (let now = 0; now <= PATIENCE; now += 1_000) offers.round(now)
  expect(shown.get(1)).toHaveLength(1)
  expect(shown.get(2)).toHaveLength(PIECES)
})

test('what a leecher has is shown to everybody', () => {
  const have = new Bitfield(PIECES)
  have.set(3)
  have.set(5)
  offers = makeOffers(have)
  join(1)
  join(2)
  expect([shown.get(1), shown.get(2)]).toEqual([
    [3, 5],
    [3, 5],
  ])
})

test('very many pieces are shown at once', () => {
  offers = makeOffers(Bitfield.full(MAX_OFFERED_PIECES + 1))
  join(1)
  join(2)
  expect(shown.get(2)).toHaveLength(MAX_OFFERED_PIECES + 1)
})

test('when some pieces are in doubt everybody is shown the others, and whoever comes then, too', () => {
  join(1)
  join(2)
  const [shownBefore] = shown.get(1)!
  for (const piece of [3, 4]) have.clear(piece)
  offers.onDoubt()
  join(3)
  const others = have.indices().filter((piece) => piece !== shownBefore)
  expect(shown.get(1)!.slice(1)).toEqual(others)
  expect(shown.get(3)).toEqual(have.indices())
})
