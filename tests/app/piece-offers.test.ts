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

function join(id: number): PeerConnection {
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
  told.push(...offers.add(peer, 0).indices())
  return peer
}

function makeOffers(pieces: Bitfield, isLimited = false): PieceOffers {
  return new PieceOffers({
    have: pieces,
    pieceLength: PIECE_LENGTH,
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
  join(1)
  expect(shown.get(1)).toHaveLength(1)
  offers.round(1_999)
  expect(shown.get(1)).toHaveLength(1)
  offers.round(2_000)
  expect(shown.get(1)!.sort((a, b) => a - b)).toEqual(Bitfield.full(PIECES).indices())
})

test('whoever takes what it is shown is shown the next, until every piece is out', () => {
  const peers = [join(1), join(2)]
  for (let taken = 0; taken < PIECES; taken++)
    for (const peer of peers) {
      const piece = shown.get(peer.id)![taken]
      if (piece === undefined) continue
      offers.onRequest(peer, piece, 0)
      offers.onRequestsEnd(peer)
    }
  const all = [...shown.get(1)!, ...shown.get(2)!]
  expect(all.sort((a, b) => a - b)).toEqual(Bitfield.full(PIECES).indices())

  join(3)
  expect(shown.get(3)).toHaveLength(PIECES)
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
  /** It asks for all that it knows of and has not asked for. */
  function askForAll(peer: PeerConnection): void {
    for (const piece of shown.get(peer.id)!)
      if (peer.uplink.queue!.push({ piece, begin: 0, length: PIECE_LENGTH })) offers.onRequest(peer, piece, 0)
    offers.onRequestsEnd(peer)
  }

  /** The first that it waits for leaves. */
  function serve(peer: PeerConnection): void {
    const request = peer.uplink.queue!.peek()!
    peer.uplink.queue!.take([request])
    offers.onServed(peer, request.piece)
  }

  beforeEach(() => {
    offers = makeOffers(have, true)
  })

  test('the next piece is shown when the one before leaves', () => {
    const peers = [join(1), join(2)]
    for (const peer of peers) askForAll(peer)
    expect([shown.get(1), shown.get(2)].map((pieces) => pieces!.length)).toEqual([1, 1])
    serve(peers[1]!)
    expect([shown.get(1), shown.get(2)].map((pieces) => pieces!.length)).toEqual([1, 2])
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
