/** A rate that many share, under virtual time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { BURST, GRAIN, TokenBucket } from '../../src/peer/token-bucket.ts'
import type { Cancel, Millis } from '../../src/protocol/ports.ts'

const KIB = 1_024
const MIB = KIB * KIB
const GIB = KIB * MIB
const BLOCK = 16 * KIB

/** Of a process that is busy with other things. */
class LateClock extends SimClock {
  readonly #lateness: Millis

  constructor(lateness: Millis) {
    super()
    this.#lateness = lateness
  }

  override after(delay: Millis, fn: () => void): Cancel {
    return super.after(delay + this.#lateness, fn)
  }
}

class CountingClock extends SimClock {
  wakes = 0

  override after(delay: Millis, fn: () => void): Cancel {
    this.wakes++
    return super.after(delay, fn)
  }
}

class JumpingClock extends SimClock {
  jump: Millis = 0

  override now(): Millis {
    return super.now() + this.jump
  }
}

interface User {
  readonly grants: { readonly at: Millis; readonly bytes: number }[]
  total: number
}

/** A budget and its users. */
class Scene {
  readonly clock: SimClock
  readonly bucket: TokenBucket
  readonly users: User[] = []
  #until: Millis = 0

  constructor(rate: number, clock = new SimClock()) {
    this.clock = clock
    this.bucket = new TokenBucket(this.clock, rate)
  }

  /** One that always wants another block. */
  greedy(): User {
    const user = this.#join()
    const use = (missing: number): void => {
      for (let bytes = missing; this.#ask(user, bytes, use); bytes = BLOCK);
    }
    use(BLOCK)
    return user
  }

  /** One that wants so many bytes, and `pause` after it has them so many again. */
  modest(bytes: number, pause: Millis): User {
    const user = this.#join()
    const next = (): void => this.take(user, bytes, () => this.clock.after(pause, next))
    next()
    return user
  }

  /** Waits for as much as is missing of `bytes`. */
  take(user: User, bytes: number, onWhole: () => void): void {
    if (this.#ask(user, bytes, (missing) => this.take(user, missing, onWhole))) onWhole()
  }

  run(ms: Millis): void {
    this.#until += ms
    this.clock.runUntil(this.#until)
  }

  /** Lets the first burst pass. @returns what each user gets in so many milliseconds from then on */
  measure(ms: Millis): number[] {
    this.run(1_000)
    const before = this.users.map(({ total }) => total)
    this.run(ms)
    return this.users.map(({ total }, index) => total - before[index]!)
  }

  get total(): number {
    return this.users.reduce((sum, { total }) => sum + total, 0)
  }

  /** Bytes granted in each period of so many milliseconds. */
  perPeriod(period: Millis, users: readonly User[] = this.users): number[] {
    const sums = Array.from({ length: Math.ceil(this.clock.now() / period) }, () => 0)
    for (const { at, bytes } of users.flatMap(({ grants }) => grants))
      if (at < sums.length * period) sums[Math.floor(at / period)]! += bytes
    return sums
  }

  /** @returns whether all was granted; if not, `onRefill` is told what is missing */
  #ask(user: User, bytes: number, onRefill: (missing: number) => void): boolean {
    const granted = this.bucket.ask(bytes, () => onRefill(bytes - granted))
    if (granted < 0 || granted > bytes) expect.fail(`${granted} of ${bytes} bytes were granted`)
    user.grants.push({ at: this.clock.now(), bytes: granted })
    user.total += granted
    return granted === bytes
  }

  #join(): User {
    const user: User = { grants: [], total: 0 }
    this.users.push(user)
    return user
  }
}

const RATES = [KIB, 80 * KIB, MIB, 20 * MIB, 100_000_000, GIB]

describe.each(RATES)('a budget of %i bytes/s', (rate) => {
  test.each([1, 2, 50])('and %i users: what they take in 10 s is within a fiftieth of it', (count) => {
    const scene = new Scene(rate)
    for (let i = 0; i < count; i++) scene.greedy()
    scene.run(10_000)
    expect(Math.abs(scene.total / (10 * rate) - 1)).toBeLessThan(0.02)
  })

  test('is smooth: after the first burst each 10 ms bring a hundredth of a second\u2019s worth', () => {
    const scene = new Scene(rate)
    for (let i = 0; i < 8; i++) scene.greedy()
    scene.run(5_000)
    for (const bytes of scene.perPeriod(GRAIN).slice(1, -1))
      expect(Math.abs(bytes - (rate * GRAIN) / 1_000)).toBeLessThanOrEqual(1)
  })
})

describe('users of a budget', () => {
  test.each([MIB, 20 * MIB, GIB])('of %i bytes/s use it up, whatever mixture they are', (rate) => {
    const scene = new Scene(rate)
    const greedy = [scene.greedy(), scene.greedy()]
    const share = rate / 50
    // Each wants a tenth of a share, and is always back in line.
    for (let i = 0; i < 48; i++) scene.modest(Math.round((share / 10) * 0.02), GRAIN)
    scene.run(5_000)
    expect(Math.abs(scene.total / (5 * rate) - 1)).toBeLessThan(0.02)
    for (const { total } of greedy) expect(total).toBeGreaterThan(5 * 20 * share)
  })

  test.each([2, 3, 8, 50])('that want the same get the same: %i of them', (count) => {
    const scene = new Scene(20 * MIB)
    for (let i = 0; i < count; i++) scene.greedy()
    const bytes = scene.measure(10_000)
    const share = (200 * MIB) / count
    for (const each of bytes) expect(Math.abs(each - share)).toBeLessThanOrEqual(2 * BLOCK)
  })

  test('who want less than a share are served within a grain; the others divide the rest', () => {
    const scene = new Scene(20 * MIB)
    for (let i = 0; i < 6; i++) scene.greedy()
    scene.modest(BLOCK, GRAIN)
    const [modest, ...greedy] = scene.measure(10_000).toReversed()
    expect(modest).toBeGreaterThanOrEqual((0.99 * 10_000 * BLOCK) / (2 * GRAIN))
    for (const each of greedy) expect(Math.abs(each / ((200 * MIB - modest!) / 6) - 1)).toBeLessThan(0.005)
  })

  test('get a block one after the other, not a crumb each: else all would send at once', () => {
    const scene = new Scene(20 * MIB)
    for (let i = 0; i < 50; i++) scene.greedy()
    const blocksIn = (period: Millis): number[] =>
      scene.users
        .flatMap(({ grants }) => {
          let sum = 0
          return grants.flatMap(({ at, bytes }) => {
            const before = Math.floor(sum / BLOCK)
            sum += bytes
            return Array.from({ length: Math.floor(sum / BLOCK) - before }, () => at)
          })
        })
        .reduce<number[]>((sums, at) => {
          const index = Math.floor(at / period)
          sums[index] = (sums[index] ?? 0) + 1
          return sums
        }, [])
    scene.run(2_000)
    // 20 MiB/s are 12.8 blocks in 10 ms.
    for (const blocks of blocksIn(GRAIN).slice(1, -1)) {
      expect(blocks).toBeGreaterThanOrEqual(12)
      expect(blocks).toBeLessThanOrEqual(14)
    }
  })

  test('who come late get their share from then on', () => {
    const scene = new Scene(MIB)
    const early = scene.greedy()
    scene.run(5_000)
    const before = early.total
    const late = scene.greedy()
    scene.run(5_000)
    expect(Math.abs(late.total / (early.total - before) - 1)).toBeLessThan(0.02)
  })

  test('who leave while they wait hold nobody up', () => {
    const scene = new Scene(MIB)
    const user = scene.greedy()
    let calls = 0
    for (let i = 0; i < 1_000; i++) scene.bucket.ask(BLOCK, () => calls++)
    scene.run(10_000)
    expect(calls).toBe(1_000)
    expect(Math.abs(user.total / (10 * MIB) - 1)).toBeLessThan(0.02)
  })
})

describe('a budget', () => {
  test('that was not used saves up 50 ms of it, not more', () => {
    const scene = new Scene(MIB)
    scene.run(60_000)
    expect(scene.bucket.ask(GIB, () => {})).toBe(Math.floor((MIB * BURST) / 1_000))
  })

  test('makes up for timers that are late', () => {
    const scene = new Scene(20 * MIB, new LateClock(30))
    scene.greedy()
    scene.run(10_000)
    expect(Math.abs(scene.total / (200 * MIB) - 1)).toBeLessThan(0.02)
  })

  test('does not make up for a machine that slept, and takes a clock that goes back for one that stands still', () => {
    const clock = new JumpingClock()
    const scene = new Scene(20 * MIB, clock)
    scene.greedy()
    for (const jump of [3_600_000, -3_600_000]) {
      clock.jump += jump
      const before = scene.total
      scene.run(1_000)
      expect(Math.abs((scene.total - before) / (20 * MIB) - 1)).toBeLessThan(0.06)
    }
  })

  test('may be changed while users wait', () => {
    const scene = new Scene(KIB)
    const users = [scene.greedy(), scene.greedy()]
    scene.run(2_000)
    const slow = scene.total
    expect(slow).toBeLessThan(2.1 * KIB)
    scene.bucket.rate = 20 * MIB
    scene.run(1_000)
    expect(Math.abs((scene.total - slow) / (20 * MIB) - 1)).toBeLessThan(0.06)
    scene.bucket.rate = 10 * KIB
    const fast = scene.total
    scene.run(10_000)
    expect(Math.abs((scene.total - fast) / (100 * KIB) - 1)).toBeLessThan(0.02)
    expect(Math.abs(users[0]!.total - users[1]!.total)).toBeLessThan(2 * BLOCK)
  })

  test('without a limit grants everything at once, to those that wait for one that was limited too', () => {
    const bucket = new TokenBucket(new SimClock(), Infinity)
    expect(bucket.ask(10 ** 12, () => expect.unreachable())).toBe(10 ** 12)

    const scene = new Scene(KIB)
    const user: User = { grants: [], total: 0 }
    let isWhole = false
    scene.take(user, GIB, () => (isWhole = true))
    scene.bucket.rate = Infinity
    scene.run(GRAIN)
    expect(isWhole).toBe(true)
  })

  test('costs little: 50 users of 1 GiB/s are woken once a grain, not once a block', () => {
    const clock = new CountingClock()
    const scene = new Scene(GIB, clock)
    for (let i = 0; i < 50; i++) scene.greedy()
    scene.run(1_000)
    expect(scene.total).toBeGreaterThan(0.9 * GIB)
    expect(clock.wakes).toBeLessThanOrEqual(1_000 / GRAIN + 1)
  })
})

test('whoever asks whatever whenever: over any time not more than the rate and a burst, and all get what they ask for', () => {
  const asks = fc.array(
    fc.record({ at: fc.nat(3_000), bytes: fc.oneof(fc.nat(2 * BLOCK), fc.nat(10 * BLOCK)) }),
    { minLength: 1, maxLength: 40 },
  )
  fc.assert(
    fc.property(asks, fc.integer({ min: MIB, max: 20 * MIB }), (planned, rate) => {
      const scene = new Scene(rate)
      const user: User = { grants: [], total: 0 }
      let whole = 0
      for (const { at, bytes } of planned) scene.clock.after(at, () => scene.take(user, bytes, () => whole++))
      scene.run(15_000)
      expect(whole).toBe(planned.length)
      expect(user.total).toBe(planned.reduce((sum, { bytes }) => sum + bytes, 0))
      const grants = user.grants.filter(({ bytes }) => bytes > 0)
      for (let from = 0; from < grants.length; from++) {
        let sum = 0
        for (let to = from; to < grants.length; to++) {
          sum += grants[to]!.bytes
          const most = (rate * (grants[to]!.at - grants[from]!.at + BURST)) / 1_000
          expect(sum).toBeLessThanOrEqual(most + 1)
        }
      }
    }),
    { numRuns: 30 },
  )
})
