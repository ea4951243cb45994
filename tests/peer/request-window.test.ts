/** How deep the pipeline is, on paths of all kinds. */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { MAX_WINDOW, MIN_WINDOW, RequestWindow } from '../../src/peer/request-window.ts'
import type { BlockRange } from '../../src/protocol/message.ts'

const BLOCK = 16_384
const MBIT = 125_000

interface PathOptions {
  readonly bytesPerSecond: number
  readonly roundTripMs: number
  /** Every answer is late by up to so much, and none overtakes another. */
  readonly jitterMs?: number
  /** The peer sends nothing but once in so long: then all that its rate allows. */
  readonly tickMs?: number
}

/** A peer with a rate, behind a path with a round trip, that is asked for as much as the window allows. */
class Path {
  readonly window = new RequestWindow()
  bytesPerSecond: number
  roundTripMs: number
  /** Blocks that the downloader may ask for beside those that came: the payload that is left. */
  left = Infinity
  now = 0
  received = 0
  readonly #jitterMs: number
  readonly #tickMs: number
  readonly #random = new SeededRandom(7)
  readonly #due: { readonly block: BlockRange; readonly at: number }[] = []
  #free = 0
  #asked = 0

  constructor({ bytesPerSecond, roundTripMs, jitterMs = 0, tickMs = 0 }: PathOptions) {
    this.bytesPerSecond = bytesPerSecond
    this.roundTripMs = roundTripMs
    this.#jitterMs = jitterMs
    this.#tickMs = tickMs
    this.window.queueLimit = MAX_WINDOW
  }

  get inFlight(): number {
    return this.#due.length
  }

  /** How long a block that is asked for now waits for those before it. */
  get queueingMs(): number {
    return Math.max(0, (this.#due.length * BLOCK * 1_000) / this.bytesPerSecond - this.roundTripMs)
  }

  /** @returns bytes a second while it ran */
  run(seconds: number): number {
    const end = this.now + 1_000 * seconds
    const before = this.received
    this.#ask()
    while (this.#due.length > 0 && this.#due[0]!.at <= end) {
      const { block, at } = this.#due.shift()!
      this.now = at
      this.received += block.length
      this.window.onBlock(block, at)
      this.#ask()
    }
    this.now = end
    return (this.received - before) / seconds
  }

  /** All that is asked of it is lost. */
  lose(): void {
    this.#due.length = 0
    this.#free = 0
  }

  #ask(): void {
    const room = Math.min(this.window.size - this.#due.length, this.left)
    if (room <= 0) return
    this.left -= room
    this.window.onRequested({ piece: this.#asked, begin: 0, length: BLOCK }, this.now)
    for (let i = 0; i < room; i++) {
      const arrival = this.now + this.roundTripMs + this.#jitterMs * this.#random.float()
      const start = this.#tickMs === 0 ? arrival : Math.ceil(arrival / this.#tickMs) * this.#tickMs
      this.#free = Math.max(this.#free, start) + (BLOCK * 1_000) / this.bytesPerSecond
      this.#due.push({ block: { piece: this.#asked++, begin: 0, length: BLOCK }, at: this.#free })
    }
  }
}

test.each([
  { mbit: 500, roundTripMs: 100 },
  { mbit: 1_000, roundTripMs: 20 },
  { mbit: 100, roundTripMs: 300 },
  { mbit: 20, roundTripMs: 40 },
  { mbit: 10_000, roundTripMs: 0.1 },
])('a path of $mbit Mbit/s and $roundTripMs ms is full after one second', ({ mbit, roundTripMs }) => {
  const path = new Path({ bytesPerSecond: mbit * MBIT, roundTripMs })
  path.run(Math.max(1, (12 * roundTripMs) / 1_000))
  expect(path.run(5)).toBeGreaterThan(0.96 * mbit * MBIT)
  // However often the round trip is looked at anew.
  expect(path.run(60)).toBeGreaterThan(0.96 * mbit * MBIT)
})

test.each([
  { mbit: 500, roundTripMs: 100 },
  { mbit: 20, roundTripMs: 1 },
  { mbit: 8, roundTripMs: 0.1 },
])('what it asks for waits half a second at most at a peer of $mbit Mbit/s, for ever', (options) => {
  const path = new Path({ ...options, bytesPerSecond: options.mbit * MBIT })
  for (let second = 0; second < 120; second++) {
    path.run(1)
    expect(path.queueingMs).toBeLessThan(500)
  }
})

test.each([500, 1_000, 5_000, 10_000, 100_000])(
  'a peer of %i bytes a second has fewer than ten requests from its first blocks on',
  (bytesPerSecond) => {
    const path = new Path({ bytesPerSecond, roundTripMs: 50 })
    path.run((20 * BLOCK) / bytesPerSecond)
    for (let turn = 0; turn < 100; turn++) {
      expect(path.window.size).toBeLessThan(10)
      path.run((5 * BLOCK) / bytesPerSecond)
    }
  },
)

test('jitter as long as the round trip costs less than a twentieth', () => {
  const path = new Path({ bytesPerSecond: 100 * MBIT, roundTripMs: 80, jitterMs: 80 })
  path.run(5)
  expect(path.run(60)).toBeGreaterThan(0.95 * 100 * MBIT)
})

test('a peer that sends in bursts, five a second, is kept busy', () => {
  const path = new Path({ bytesPerSecond: 20 * MBIT, roundTripMs: 1, tickMs: 200 })
  path.run(5)
  expect(path.run(30)).toBeGreaterThan(0.95 * 20 * MBIT)
})

test('a peer that gets ten times slower is asked for less within a few seconds', () => {
  const path = new Path({ bytesPerSecond: 100 * MBIT, roundTripMs: 50 })
  path.run(5)
  path.bytesPerSecond /= 10
  path.run(5)
  expect(path.queueingMs).toBeLessThan(500)
})

test('a peer that gets ten times faster is asked for more within a few seconds', () => {
  const path = new Path({ bytesPerSecond: 50 * MBIT, roundTripMs: 50 })
  path.run(30)
  path.bytesPerSecond *= 10
  path.run(2)
  expect(path.run(5)).toBeGreaterThan(0.97 * 500 * MBIT)
})

test('a path that gets longer by far is full again within half a minute', () => {
  const path = new Path({ bytesPerSecond: 100 * MBIT, roundTripMs: 20 })
  path.run(10)
  path.roundTripMs = 600
  path.run(30)
  expect(path.run(10)).toBeGreaterThan(0.95 * 100 * MBIT)
})

test('a peer that had nothing for us to ask for a while is not taken for a slow one', () => {
  const path = new Path({ bytesPerSecond: 500 * MBIT, roundTripMs: 100 })
  path.run(5)
  const { size } = path.window
  for (let second = 0; second < 30; second++) {
    path.left = 1
    path.run(1)
  }
  expect(path.window.size).toBe(size)
})

test('never more than the peer says that it queues', () => {
  const path = new Path({ bytesPerSecond: 1_000 * MBIT, roundTripMs: 100 })
  path.window.queueLimit = 250
  path.run(5)
  expect(path.window.size).toBe(250)
  expect(path.inFlight).toBe(250)
})

test.each([
  { says: undefined, mbit: 500, blocks: 1 },
  { says: 32_768, mbit: 500, blocks: 2 },
  { says: 100_000, mbit: 500, blocks: 4 },
  { says: 2 ** 31, mbit: 500, blocks: 8 },
  { says: 2 ** 31, mbit: 6, blocks: 4 },
  { says: 2 ** 31, mbit: 1, blocks: 1 },
  { says: 1, mbit: 500, blocks: 1 },
])('a peer of $mbit Mbit/s that serves $says bytes at a time is asked for $blocks blocks in one', (peer) => {
  const path = new Path({ bytesPerSecond: peer.mbit * MBIT, roundTripMs: 1 })
  if (peer.says !== undefined) path.window.longestRequest = peer.says
  expect(path.window.requestLength).toBe(BLOCK)
  path.run(5)
  expect(path.window.requestLength).toBe(peer.blocks * BLOCK)
  path.window.onStall()
  expect(path.window.requestLength).toBe(BLOCK)
})

test('a stall starts it over, and it recovers within a second', () => {
  const path = new Path({ bytesPerSecond: 500 * MBIT, roundTripMs: 100 })
  path.run(5)
  path.lose()
  path.now += 20_000
  path.window.onStall()
  expect(path.window.size).toBe(MIN_WINDOW)
  path.run(1.2)
  expect(path.run(5)).toBeGreaterThan(0.97 * 500 * MBIT)
})

test('a choke keeps what was learned; a minute of it does not', () => {
  const path = new Path({ bytesPerSecond: 500 * MBIT, roundTripMs: 100 })
  path.run(5)
  const { size } = path.window
  for (const { pauseMs, expected } of [
    { pauseMs: 20_000, expected: size },
    { pauseMs: 100_000, expected: 16 },
  ]) {
    path.window.onReleased()
    path.lose()
    path.now += pauseMs
    path.window.onResumed(path.now)
    expect(path.window.size).toBe(expected)
  }
})

test('what was cancelled is not waited for', () => {
  const window = new RequestWindow()
  window.onRequested({ piece: 0, begin: 0, length: BLOCK }, 0)
  window.onCancelled([{ piece: 0, begin: 0, length: BLOCK }])
  window.onRequested({ piece: 1, begin: 0, length: BLOCK }, 10)
  window.onBlock({ piece: 1, begin: 0, length: BLOCK }, 30)
  expect(window.roundTrip).toBe(20)
})

test('a peer beside us is not asked for all that it could queue, however fast it is', () => {
  const path = new Path({ bytesPerSecond: 8_000 * MBIT, roundTripMs: 1 })
  path.run(1)
  expect(path.run(1)).toBeGreaterThan(0.95 * 8_000 * MBIT)
  expect(path.inFlight).toBeLessThan(500)
})

test('of blocks that come side by side each makes room for another one', () => {
  const window = new RequestWindow()
  const before = window.size
  window.onBlock({ piece: 1, begin: 0, length: 3 * BLOCK + 1 }, 30)
  expect(window.size).toBe(before + 4)
})
