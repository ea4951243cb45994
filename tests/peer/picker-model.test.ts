/** Random operations on a picker, against a model too simple to be wrong. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OrderName } from '../../src/peer/piece-order.ts'
import { PickerWorld, type TestSource } from './fixtures.ts'

const PIECES = 12
const BLOCKS = 3

type Step =
  | { readonly do: 'join'; readonly picture: readonly boolean[]; readonly isWebSeed: boolean }
  | {
      readonly do: 'leave' | 'choke' | 'have' | 'pick' | 'send' | 'late'
      readonly who: number
      readonly n: number
    }
  | { readonly do: 'verdict'; readonly n: number; readonly how: 'written' | 'corrupt' | 'failed' }
  | { readonly do: 'round'; readonly ms: number }

const steps = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('join' as const),
        picture: fc.array(fc.boolean(), { minLength: PIECES, maxLength: PIECES }),
        isWebSeed: fc.boolean(),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'leave',
          'choke',
          'have',
          'have',
          'pick',
          'pick',
          'pick',
          'send',
          'send',
          'send',
          'late',
        ),
        who: fc.nat(7),
        n: fc.nat(40),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('verdict' as const),
        n: fc.nat(PIECES),
        how: fc.constantFrom('written', 'written', 'corrupt', 'failed'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('round' as const), ms: fc.constantFrom(2_000, 11_000, 61_000) }),
    },
  ),
  { maxLength: 150 },
) as fc.Arbitrary<Step[]>

/** What the model knows: who was asked for what, which blocks came, where each piece stands. */
class Model {
  readonly world: PickerWorld
  readonly sources: TestSource[] = []
  /** By source: the blocks that it was asked for and that were not taken back, as far as the picker told. */
  readonly asked = new Map<TestSource, Set<string>>()
  readonly once = new Map<TestSource, Set<string>>()
  readonly blocks = new Map<string, number>()
  readonly pending = new Set<number>()
  readonly have = new Set<number>()

  constructor(order: OrderName, seed: number) {
    this.world = new PickerWorld(PIECES, { order, seed, blocksPerPiece: BLOCKS })
  }

  run(step: Step): void {
    if (step.do === 'join') {
      const picture = step.picture.map((has) => (has ? '#' : '.')).join('')
      if (this.sources.length < 8)
        this.join(step.isWebSeed ? this.world.webSeed() : this.world.source(picture))
    } else if (step.do === 'verdict') this.verdict([...this.pending][step.n % this.pending.size], step.how)
    else if (step.do === 'round') {
      this.world.round(step.ms)
      for (const source of this.sources) this.syncReleased(source)
    } else {
      const source = this.sources[step.who % this.sources.length]
      if (source !== undefined) this.act(step.do, source, step.n)
    }
    for (const piece of this.world.abandoned.splice(0)) this.forget(piece)
    this.check()
  }

  join(source: TestSource): TestSource {
    this.sources.push(source)
    this.asked.set(source, new Set())
    this.once.set(source, new Set())
    return source
  }

  act(what: 'leave' | 'choke' | 'have' | 'pick' | 'send' | 'late', source: TestSource, n: number): void {
    const asked = this.asked.get(source)!
    if (what === 'leave') {
      this.world.picker.removeSource(source)
      this.sources.splice(this.sources.indexOf(source), 1)
      this.asked.delete(source)
    } else if (what === 'choke') {
      this.world.picker.release(source)
      asked.clear()
    } else if (what === 'have') {
      if (source.pieces.set(n % PIECES)) this.world.picker.onHave(source, n % PIECES)
    } else if (what === 'pick') this.pick(source, n)
    else if (what === 'send') this.send(source, [...asked][n % Math.max(1, asked.size)])
    else this.send(source, [...this.once.get(source)!][n % Math.max(1, this.once.get(source)!.size)])
  }

  pick(source: TestSource, count: number): void {
    const isEndgame = (): boolean => this.world.picker.isEndgame
    for (const name of this.world.pick(source, count)) {
      const piece = parseInt(name)
      expect(source.has(piece), 'asked for what it has').toBe(true)
      expect(
        this.blocks.has(name) || this.pending.has(piece) || this.have.has(piece),
        'asked for what is in',
      ).toBe(false)
      const others = [...this.asked].filter(([other, blocks]) => other !== source && blocks.has(name))
      expect(this.asked.get(source)!.has(name), 'asked twice of one').toBe(false)
      if (others.length > 0) expect(isEndgame(), 'asked twice outside of the endgame').toBe(true)
      expect(others.length).toBeLessThan(2)
      this.asked.get(source)!.add(name)
      this.once.get(source)!.add(name)
    }
  }

  send(source: TestSource, name: string | undefined): void {
    if (name === undefined) return
    const piece = parseInt(name)
    const wasAsked = this.asked.get(source)!.has(name)
    const [verdict] = this.world.send(source, name)
    if (wasAsked) expect(verdict).toBe('accepted')
    if (verdict !== 'accepted') return
    expect(this.blocks.has(name), 'accepted twice').toBe(false)
    expect(this.once.get(source)!.has(name), 'accepted without being asked for').toBe(true)
    for (const asked of this.asked.values()) asked.delete(name)
    this.blocks.set(name, source.id)
    const names = Array.from({ length: BLOCKS }, (_, block) => `${piece}.${block}`)
    if (!names.every((each) => this.blocks.has(each))) return
    const senders = new Set(names.map((each) => this.blocks.get(each)!))
    expect(new Set(this.world.contributors(piece))).toEqual(senders)
    this.forget(piece)
    this.pending.add(piece)
  }

  verdict(piece: number | undefined, how: 'written' | 'corrupt' | 'failed'): void {
    if (piece === undefined) return
    this.pending.delete(piece)
    if (how === 'written') {
      const { picker } = this.world
      const before = this.sources.filter((source) => picker.isInterestedIn(source))
      const used = picker.onPieceWritten(piece)
      expect(new Set(used)).toEqual(new Set(before.filter((source) => !picker.isInterestedIn(source))))
      this.have.add(piece)
    } else if (how === 'failed') this.world.picker.onPieceFailed(piece)
    else {
      this.world.picker.onPieceCorrupt(piece)
      // Parole releases requests: the picker says how many are left.
      for (const source of this.sources) this.syncReleased(source)
    }
  }

  forget(piece: number): void {
    for (let block = 0; block < BLOCKS; block++) this.blocks.delete(`${piece}.${block}`)
  }

  /** After a release of some of its requests the model asks itself which: those the picker would not accept as asked. */
  syncReleased(source: TestSource): void {
    const asked = this.asked.get(source)!
    if (this.world.picker.inFlight(source) === asked.size) return
    this.world.picker.release(source)
    asked.clear()
  }

  check(): void {
    const { picker } = this.world
    const { wanted, active, pending, have, inFlight } = picker.snapshot()
    expect(wanted + active + pending + have, 'a piece is in one state').toBe(PIECES)
    expect(pending).toBe(this.pending.size)
    expect(have).toBe(this.have.size)
    const begun = new Set(
      [...this.blocks.keys(), ...[...this.asked.values()].flatMap((names) => [...names])]
        .map(parseFloat)
        .map(Math.floor),
    )
    expect(active).toBe(begun.size)
    let asked = 0
    for (const source of this.sources) {
      expect(picker.inFlight(source)).toBe(this.asked.get(source)!.size)
      asked += this.asked.get(source)!.size
      const wants = Array.from({ length: PIECES }, (_, piece) => source.has(piece) && !this.have.has(piece))
      expect(picker.isInterestedIn(source)).toBe(wants.includes(true))
    }
    expect(inFlight).toBe(asked)
  }

  /** A seed that never fails comes: everything completes. */
  finish(): void {
    for (const piece of [...this.pending]) this.verdict(piece, 'written')
    for (const source of [...this.sources]) this.act('choke', source, 0)
    this.world.round(61_000)
    for (const piece of this.world.abandoned.splice(0)) this.forget(piece)
    const seed = this.join(this.world.source('#'.repeat(PIECES)))
    for (let i = 0; i < 3 * PIECES && !this.world.picker.isComplete; i++) {
      this.pick(seed, 5)
      for (const name of [...this.asked.get(seed)!]) this.send(seed, name)
      for (const piece of [...this.pending]) this.verdict(piece, 'written')
      this.check()
    }
    expect(this.world.picker.isComplete).toBe(true)
  }
}

test.each(['rarest', 'random', 'sequential'] as const)(
  'whatever happens, %s keeps its books and everything completes in the end',
  (order) => {
    fc.assert(
      fc.property(steps, fc.nat(), (list, seed) => {
        const model = new Model(order, seed)
        for (const step of list) model.run(step)
        model.finish()
      }),
      { numRuns: 300 },
    )
  },
)

test('the rarest of what a peer has is taken first, whatever came and went before', () => {
  const picture = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 })
  const change = fc.oneof(
    fc.record({ do: fc.constant('join' as const), picture }),
    fc.record({ do: fc.constantFrom('leave' as const, 'have' as const), who: fc.nat(9), n: fc.nat(39) }),
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), picture, fc.nat(), (changes, own, seed) => {
      const world = new PickerWorld(40, { seed })
      const sources: TestSource[] = []
      const draw = (has: readonly boolean[]): string => has.map((each) => (each ? '#' : '.')).join('')
      for (const step of changes) {
        if (step.do === 'join') sources.push(world.source(draw(step.picture)))
        else {
          const source = sources[step.who % Math.max(1, sources.length)]
          if (source === undefined) continue
          if (step.do === 'have') {
            if (source.pieces.set(step.n)) world.picker.onHave(source, step.n)
          } else world.picker.removeSource(sources.splice(sources.indexOf(source), 1)[0]!)
        }
      }
      const peer = world.source(draw(own))
      sources.push(peer)
      const rarity = world
        .pick(peer, 40)
        .map((name) => sources.filter((source) => source.has(parseInt(name))).length)
      expect(rarity).toEqual(rarity.toSorted((a, b) => a - b))
      expect(rarity).toHaveLength(peer.pieces.count)
    }),
    { numRuns: 300 },
  )
})
