/** Pictures of swarms: one character a piece. */
import { BLOCK_LENGTH, PieceGeometry } from '../../src/metainfo/geometry.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import type { BlockRun } from '../../src/peer/claim.ts'
import { PiecePicker } from '../../src/peer/picker.ts'
import type { OrderName } from '../../src/peer/piece-order.ts'
import type { BlockSource } from '../../src/peer/source-queue.ts'
import { Bitfield } from '../../src/protocol/bitfield.ts'

/** `#.##`: the pieces marked # are set. */
export function bits(picture: string): Bitfield {
  const field = new Bitfield(picture.length)
  for (let piece = 0; piece < picture.length; piece++) if (picture[piece] === '#') field.set(piece)
  return field
}

export class TestSource implements BlockSource {
  readonly id: number
  readonly pieces: Bitfield
  readonly prefersRuns: boolean
  isHeld = false

  constructor(id: number, pieces: Bitfield, prefersRuns = false) {
    this.id = id
    this.pieces = pieces
    this.prefersRuns = prefersRuns
  }

  has(piece: number): boolean {
    return this.pieces.has(piece)
  }
}

/** The blocks of a run, as `piece.block`. */
function namesOf({ piece, begin, length }: BlockRun): string[] {
  const blocks = Math.ceil(length / BLOCK_LENGTH)
  return Array.from({ length: blocks }, (_, block) => `${piece}.${begin / BLOCK_LENGTH + block}`)
}

export interface World {
  readonly order?: OrderName
  readonly blocksPerPiece?: number
  readonly seed?: number
  /** `#`: had at the start. */
  readonly have?: string
  /** By how much the last piece is shorter than the others. */
  readonly missingBytes?: number
}

/** A picker, and the few words that its stories are told in. */
export class PickerWorld {
  readonly picker: PiecePicker
  readonly geometry: PieceGeometry
  now = 0
  #nextId = 1

  constructor(pieceCount: number, world: World = {}) {
    const { order = 'rarest', blocksPerPiece = 1, seed = 1, have, missingBytes = 0 } = world
    const pieceLength = blocksPerPiece * BLOCK_LENGTH
    this.geometry = new PieceGeometry(pieceLength, [
      { path: [], length: pieceLength * pieceCount - missingBytes },
    ])
    this.picker = new PiecePicker({
      geometry: this.geometry,
      have: have === undefined ? new Bitfield(pieceCount) : bits(have),
      order,
      random: new SeededRandom(seed),
      onAbandon: (piece) => this.abandoned.push(piece),
    })
  }

  readonly abandoned: number[] = []

  source(picture: string): TestSource {
    return this.#add(new TestSource(this.#nextId++, bits(picture)))
  }

  /** Has every piece, and prefers those that follow each other. */
  webSeed(): TestSource {
    return this.#add(new TestSource(this.#nextId++, Bitfield.full(this.geometry.pieceCount), true))
  }

  /** What is asked of `source`, as `piece.block`. */
  pick(source: TestSource, count: number): string[] {
    return this.ask(source, count).flatMap(namesOf)
  }

  ask(source: TestSource, count: number): BlockRun[] {
    const out: BlockRun[] = []
    const taken = this.picker.pick(source, count, this.now, out)
    const given = out.flatMap(namesOf).length
    if (taken !== given) throw new Error(`pick says ${taken} and gives ${given}`)
    return out
  }

  /** Who sent blocks of a piece that is not had. */
  contributors(piece: number): number[] {
    return [...new Set(this.picker.sendersOf(piece))].filter((id) => id > 0)
  }

  /** `source` sends `piece.block`: the verdict, and the ids of those that get a cancel. */
  send(source: TestSource, name: string): [verdict: string, ...losers: number[]] {
    const [piece, block] = name.split('.').map(Number)
    const losers: BlockSource[] = []
    const length = this.geometry.blockLength(piece!, block!)
    const verdict = this.picker.onBlock(source, piece!, block! * BLOCK_LENGTH, length, losers)
    return [verdict, ...losers.map(({ id }) => id)]
  }

  /** Asks for up to `count` blocks and lets them come. */
  fetch(source: TestSource, count: number): string[] {
    const names = this.pick(source, count)
    for (const name of names) this.send(source, name)
    return names
  }

  #add(source: TestSource): TestSource {
    this.picker.addSource(source, source.pieces)
    return source
  }

  round(afterMs = 2_000): { stalled: number[] } {
    this.now += afterMs
    return { stalled: this.picker.round(this.now).map(({ id }) => id) }
  }
}

/** `3129`: how many sources have each piece. Its sources are not asked for anything. */
export function picker(picture: string, world: World = {}): PickerWorld {
  const built = new PickerWorld(picture.length, world)
  const counts = Array.from(picture, Number)
  for (let level = 0; level < Math.max(...counts); level++)
    built.source(counts.map((count) => (count > level ? '#' : '.')).join(''))
  return built
}
