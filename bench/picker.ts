/**
 * The picker's three figures: 1,000,000 pieces of 256 KiB, 500 peers with random halves, some with everything, some with
 * few. Run with `node bench/picker.ts`.
 */
import { SeededRandom } from '../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry } from '../src/metainfo/geometry.ts'
import type { BlockRun } from '../src/peer/claim.ts'
import { PiecePicker } from '../src/peer/picker.ts'
import type { BlockSource } from '../src/peer/source-queue.ts'
import { Bitfield } from '../src/protocol/bitfield.ts'
import { encodeRequests } from '../src/protocol/message.ts'

const PIECES = 1_000_000
const PEERS = 500
const WINDOW = 250
const PIECE_LENGTH = 256 * 1024
/** Windows that are counted, after as many that are not. */
const TURNS = 10_000

const random = new SeededRandom(1)

interface Peer extends BlockSource {
  readonly pieces: Bitfield
}

const geometry = new PieceGeometry(PIECE_LENGTH, [{ path: [], length: PIECES * PIECE_LENGTH }])

function peer(id: number, density: number): Peer {
  // Those that have every piece share one bitfield, as connections do.
  const pieces = density === 1 ? geometry.everyPiece : new Bitfield(PIECES)
  if (density < 1) for (let n = Math.round(PIECES * density); n > 0; n--) pieces.set(random.int(PIECES))
  return { id, pieces, has: (piece) => pieces.has(piece) }
}

function report(name: string, microseconds: number, target: string): void {
  console.log(`${name.padEnd(58)} ${microseconds.toFixed(3).padStart(12)} µs   target ${target}`)
}

/** Blocks of each piece, to know when it is complete. */
const blocksIn = new Uint8Array(PIECES)

const picker = new PiecePicker({
  geometry,
  have: new Bitfield(PIECES),
  order: 'rarest',
  random,
  onAbandon: (piece) => (blocksIn[piece] = 0),
})

const densities = [0.5, 0.3, 0.9, 1, 0.001]
const peers = Array.from({ length: PEERS }, (_, i) => peer(i + 1, densities[i % densities.length]!))
const scratch: BlockRun[] = []

// A bitfield, and the sort that the next pick pays for it.
let worst = 0
let total = 0
for (const each of peers) {
  const start = performance.now()
  picker.addSource(each, each.pieces)
  picker.pick(each, 1, 0, scratch)
  const took = performance.now() - start
  worst = Math.max(worst, took)
  total += took
  picker.release(each)
}
report('a bitfield, its sort counted: mean', (total * 1_000) / PEERS, '20 ms')
report('a bitfield, its sort counted: worst', worst * 1_000, '20 ms')

// In typed arrays: reading a million objects would cost as much as what is measured.
const HAVES = 1_000_000
const who = new Uint16Array(HAVES)
const what = new Uint32Array(HAVES)
for (let n = 0; n < HAVES;) {
  who[n] = random.int(PEERS)
  what[n] = random.int(PIECES)
  if (!peers[who[n]!]!.has(what[n]!)) n++
}
const start = performance.now()
for (let n = 0; n < HAVES; n++) {
  const each = peers[who[n]!]!
  const piece = what[n]!
  if (each.pieces.set(piece)) picker.onHave(each, piece)
}
report(`a have, its bit counted: mean of ${HAVES}`, ((performance.now() - start) * 1_000) / HAVES, '0.3 µs')

// Windows are picked, sent and verified, to see what each step costs. There is a round every so often.
const losers: BlockSource[] = []
const micros = { pick: 0, encode: 0, blocks: 0, written: 0, rounds: 0, releases: 0 }
let picks = 0
let blocks = 0
let pieces = 0
let rounds = 0
let releases = 0

function timed(station: keyof typeof micros, work: () => void): void {
  const before = performance.now()
  work()
  micros[station] += (performance.now() - before) * 1_000
}

for (let turn = 0; turn < 2 * TURNS; turn++) {
  // The warm-up, including the compiler's, does not count.
  if (turn === TURNS) for (const station of Object.keys(micros)) micros[station as keyof typeof micros] = 0
  const isCounted = turn >= TURNS
  if (turn % 500 === 0) {
    timed('rounds', () => picker.round(turn))
    if (isCounted) rounds++
  }
  const each = peers[random.int(PEERS)]!
  scratch.length = 0
  let count = 0
  const before = micros.pick
  timed('pick', () => (count = picker.pick(each, WINDOW, turn, scratch)))
  // Only full windows count.
  if (count < WINDOW) micros.pick = before
  else if (isCounted) picks++
  // A choke releases a window, which is then picked again.
  if (turn % 20 === 0 && isCounted) {
    timed('releases', () => picker.release(each))
    releases++
    scratch.length = 0
    count = picker.pick(each, WINDOW, turn, scratch)
  }
  if (isCounted) blocks += count
  timed('encode', () => encodeRequests(scratch, BLOCK_LENGTH))
  const done: number[] = []
  timed('blocks', () => {
    for (const { piece, begin, length } of scratch)
      for (let at = begin; at < begin + length; at += BLOCK_LENGTH)
        if (picker.onBlock(each, piece, at, BLOCK_LENGTH, losers) === 'accepted')
          if (++blocksIn[piece]! === PIECE_LENGTH / BLOCK_LENGTH) done.push(piece)
  })
  if (isCounted) pieces += done.length
  timed('written', () => {
    for (const piece of done) picker.onPieceWritten(piece)
  })
}
report(`a pick of ${WINDOW} blocks: mean of ${picks}`, micros.pick / picks, '10 µs')
report('a request as bytes', micros.encode / blocks, '–')
report('a block that arrives', micros.blocks / blocks, '–')
report('a piece that is written', micros.written / pieces, '–')
report(`a window that is taken back: mean of ${releases}`, micros.releases / releases, '–')
report(`a round: mean of ${rounds}`, micros.rounds / rounds, '–')
const fields = new Set(peers.map(({ pieces: field }) => field)).size
console.log(
  `rss ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB, of which ${((fields * PIECES) / 8 / 2 ** 20).toFixed(0)} MiB are the peers' bitfields`,
)
