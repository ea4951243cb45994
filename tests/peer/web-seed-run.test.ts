/** One run of blocks over HTTP: files of all shapes, chunks of all sizes, and what servers get wrong. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SimHttp, type SimAnswer, type SimServer } from '../../src/app/sim/http.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { BLOCK_LENGTH, PieceGeometry, type PayloadFile } from '../../src/metainfo/geometry.ts'
import { UselessSeed } from '../../src/peer/web-seed-answer.ts'
import { WEB_SEED_IDLE_TIMEOUT, WebSeedRun } from '../../src/peer/web-seed-run.ts'
import { bytesEqual } from '../../src/protocol/ids.ts'
import type { BlockRange } from '../../src/protocol/message.ts'
import { rangesOf } from '../support/range-server.ts'

const HOST = '10.9.9.9'
const PIECE = 2 * BLOCK_LENGTH

/** `a:20000 pad:12768 b:3`: files by name and length, `pad` is padding. */
function filesOf(picture: string): PayloadFile[] {
  return picture.split(' ').map((word) => {
    const [name, length] = word.split(':')
    return { path: [name!], length: Number(length), ...(name === 'pad' && { isPadding: true as const }) }
  })
}

class Scene {
  readonly clock = new SimClock()
  readonly http = new SimHttp(this.clock)
  readonly geometry: PieceGeometry
  readonly payload: Uint8Array
  readonly contents = new Map<string, Uint8Array>()
  readonly requests: string[] = []
  readonly received = new Map<number, Uint8Array>()
  end: { readonly error: Error | undefined } | undefined
  run: WebSeedRun | undefined

  constructor(files: readonly PayloadFile[]) {
    this.geometry = new PieceGeometry(PIECE, files)
    this.payload = new SeededRandom(1).fill(new Uint8Array(this.geometry.length))
    for (const { path, offset, length, isPadding } of this.geometry.files) {
      if (isPadding) this.payload.fill(0, offset, offset + length)
      else this.contents.set(`/${path[0]}`, this.payload.subarray(offset, offset + length))
    }
  }

  /** Blocks `from … to` of the payload, the last counted. */
  fetch(
    from: number,
    to: number,
    {
      how = {},
      server = rangesOf(this.contents, how),
    }: { how?: Partial<SimAnswer>; server?: SimServer } = {},
  ): this {
    this.http.serve(HOST, 80, (request) => {
      this.requests.push(`${request.url.pathname.slice(1)} ${request.headers!['range']!.slice(6)}`)
      return server(request)
    })
    const blocks: BlockRange[] = []
    for (let block = from; block <= to; block++) {
      const piece = block >> 1
      const length = this.geometry.blockLength(piece, block & 1)
      blocks.push({ piece, begin: (block & 1) * BLOCK_LENGTH, length })
    }
    const { clock, http } = this
    this.run = new WebSeedRun({
      ports: { clock, http, resolver: { resolve: (host, _family, onResult) => onResult([host]) } },
      geometry: this.geometry,
      urlOf: (file) => new URL(`http://${HOST}/${this.geometry.files[file]!.path[0]}`),
      blocks,
      isPaused: false,
      onAnswer() {},
      onReceived() {},
      onBlock: ({ piece, begin }, block) => {
        expect(this.end, 'nothing comes behind the end').toBeUndefined()
        this.received.set(piece * PIECE + begin, block.slice())
      },
      onBlocksEnd() {},
      onEnd: (error) => {
        expect(this.end, 'there is one end').toBeUndefined()
        this.end = { error }
      },
    })
    this.run.start()
    return this
  }

  finish(): this {
    this.clock.runUntil(this.clock.now() + 600_000)
    return this
  }

  expectWhole(from: number, to: number): void {
    expect(this.end).toEqual({ error: undefined })
    const end = Math.min((to + 1) * BLOCK_LENGTH, this.geometry.length)
    const whole = new Uint8Array(end - from * BLOCK_LENGTH)
    for (const [at, block] of this.received) whole.set(block, at - from * BLOCK_LENGTH)
    expect(this.received.size).toBe(to - from + 1)
    expect(bytesEqual(whole, this.payload.subarray(from * BLOCK_LENGTH, end))).toBe(true)
  }
}

describe('a run', () => {
  test.each([
    ['one file', 'a:100000', ['a 0-65535']],
    ['the rest of a file', 'a:60000', ['a 0-59999']],
    ['files side by side', 'a:20000 b:10 c:90000', ['a 0-19999', 'b 0-9', 'c 0-45525']],
    ['empty files between them', 'a:20000 none:0 b:90000', ['a 0-19999', 'b 0-45535']],
    ['padding, which nobody is asked for', 'a:20000 pad:12768 b:32768', ['a 0-19999', 'b 0-32767']],
    ['padding of many blocks', 'a:1 pad:65535 b:5', ['a 0-0']],
    ['padding at the end', 'a:5 pad:32763', ['a 0-4']],
  ])('over %s asks for a range of each, one after the other', (_what, picture, requests) => {
    const scene = new Scene(filesOf(picture))
    const last = Math.min(3, Math.ceil(scene.geometry.length / BLOCK_LENGTH) - 1)
    scene.fetch(0, last).finish().expectWhole(0, last)
    expect(scene.requests).toEqual(requests)
  })

  test('in the middle of a file asks for what it needs', () => {
    const scene = new Scene(filesOf('a:10 b:200000'))
    scene.fetch(3, 4).finish().expectWhole(3, 4)
    expect(scene.requests).toEqual([`b ${3 * BLOCK_LENGTH - 10}-${5 * BLOCK_LENGTH - 11}`])
  })

  test('of any blocks over any files in any chunks brings each block once, also when reading stops now and then', () => {
    const files = fc.array(
      fc.tuple(fc.constantFrom('a', 'b', 'c', 'pad'), fc.oneof(fc.nat(70_000), fc.nat(3))),
      { minLength: 1, maxLength: 6 },
    )
    fc.assert(
      fc.property(
        files,
        fc.nat(20),
        fc.nat(20),
        fc.integer({ min: 50_000, max: 20_000_000 }),
        fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { maxLength: 4 }),
        (drawn, a, b, bytesPerSecond, pauses) => {
          const named = drawn.map(([name, length], i) => ({
            path: [name === 'pad' ? 'pad' : `${name}${i}`],
            length,
            ...(name === 'pad' && { isPadding: true as const }),
          }))
          fc.pre(named.some(({ length }) => length > 0))
          const scene = new Scene(named)
          const count = Math.ceil(scene.geometry.length / BLOCK_LENGTH)
          const [from, to] = [a % count, b % count].toSorted((x, y) => x - y) as [number, number]
          scene.fetch(from, to, { how: { bytesPerSecond } })
          for (const [before, ms] of pauses) {
            scene.clock.runUntil(scene.clock.now() + before)
            if (scene.end) break
            const had = scene.received.size
            scene.run!.pause()
            scene.clock.runUntil(scene.clock.now() + 20)
            // What was under way when we stopped may still come, once.
            const inFlight = scene.received.size
            scene.clock.runUntil(scene.clock.now() + 1_000 * ms)
            expect(scene.received.size).toBe(inFlight)
            expect(inFlight - had).toBeLessThanOrEqual(8)
            if (scene.end) break
            scene.run!.resume()
          }
          scene.finish().expectWhole(from, to)
        },
      ),
      { numRuns: 150 },
    )
  })

  test('a server without ranges will do for a file that is wanted whole', () => {
    const scene = new Scene(filesOf('a:40000'))
    scene.fetch(0, 2, { server: () => ({ status: 200, body: scene.payload }) })
    scene.finish().expectWhole(0, 2)
  })
})

describe('blocks that nobody needs any more', () => {
  const block = (number: number): BlockRange => ({
    piece: number >> 1,
    begin: (number & 1) * BLOCK_LENGTH,
    length: BLOCK_LENGTH,
  })

  test('are left out', () => {
    const scene = new Scene(filesOf('a:100000')).fetch(0, 3)
    expect(scene.run!.drop(block(1))).toBe(false)
    scene.finish()
    expect([...scene.received.keys()]).toEqual([0, PIECE, PIECE + BLOCK_LENGTH])
    expect(scene.end).toEqual({ error: undefined })
  })

  test('leave the run without a purpose once there are no others', () => {
    const scene = new Scene(filesOf('a:100000')).fetch(0, 1)
    expect(scene.run!.drop(block(7))).toBe(false)
    expect(scene.run!.drop(block(1))).toBe(false)
    expect(scene.run!.drop(block(0))).toBe(true)
  })

  test('a run that is cancelled brings nothing more, not even its end', () => {
    const scene = new Scene(filesOf('a:100000')).fetch(0, 3, { how: { bytesPerSecond: 1_000_000 } })
    while (scene.received.size < 2) scene.clock.step()
    scene.run!.cancel()
    scene.finish()
    expect(scene.received.size).toBe(2)
    expect(scene.end).toBeUndefined()
  })
})

describe('what ends a run', () => {
  const A = 'a:100000'
  const partial = (range: string, bytes = 32_768): SimAnswer => ({
    status: 206,
    headers: { 'content-range': range },
    body: new Uint8Array(bytes),
  })

  /** Of a run over bytes 0–32767 of 100,000. */
  test.each<[string, SimAnswer | undefined, RegExp, boolean]>([
    ['another range', partial('bytes 1-32768/100000'), /other bytes/, true],
    ['a shorter range', partial('bytes 0-9/100000', 10), /other bytes/, true],
    ['a file of another length', partial('bytes 0-32767/100001'), /other bytes/, true],
    ['no word about the range', { status: 206, body: new Uint8Array(32_768) }, /other bytes/, true],
    ['a range in disguise', partial('bytes 0-32767/1e5'), /other bytes/, true],
    ['more bytes than it said', partial('bytes 0-32767/100000', 32_769), /more than/, true],
    ['fewer bytes than it said', partial('bytes 0-32767/100000', 32_000), /too early/, false],
    ['the whole file', { status: 200, body: new Uint8Array(100_000) }, /ranges/, true],
    ['no such file', { status: 404 }, /404/, true],
    ['a file that is gone', { status: 410 }, /410/, true],
    ['no entrance', { status: 403 }, /403/, true],
    ['no such range', { status: 416 }, /416/, true],
    ['nothing at all', { status: 204 }, /204/, true],
    ['too many requests', { status: 429 }, /429/, false],
    ['a request that came too slowly', { status: 408 }, /408/, false],
    ['a fault of its own', { status: 500 }, /500/, false],
    ['a rest', { status: 503 }, /503/, false],
    ['a break', { ...partial('bytes 0-32767/100000'), breaksAfter: 20_000 }, /broke/, false],
    ['no answer', undefined, /no answer/, false],
  ])('%s', (_what, answer, reason, isUseless) => {
    const scene = new Scene(filesOf(A)).fetch(0, 1, { server: () => answer }).finish()
    expect(scene.end?.error?.message).toMatch(reason)
    expect(scene.end?.error instanceof UselessSeed).toBe(isUseless)
  })

  test('a length that nobody knows is fine', () => {
    const scene = new Scene(filesOf('a:32768'))
    const body = scene.payload
    scene.fetch(0, 1, { server: () => ({ ...partial('bytes 0-32767/*'), body }) })
    scene.finish().expectWhole(0, 1)
  })

  test.each([32_767, 32_769])('a whole file of %i bytes where it should have 32,768', (length) => {
    const scene = new Scene(filesOf('a:32768'))
    scene.fetch(0, 1, { server: () => ({ status: 200, body: new Uint8Array(length) }) }).finish()
    expect(scene.end?.error?.message).toMatch(/too early|more than/)
    const told = new Scene(filesOf('a:32768')).fetch(0, 1, {
      server: () => ({
        status: 200,
        headers: { 'content-length': `${length}` },
        body: new Uint8Array(length),
      }),
    })
    expect(told.finish().received.size).toBe(0)
    expect(told.end?.error?.message).toMatch(/ranges/)
  })

  test('silence in the middle, but not silence that we asked for', () => {
    const silent: SimServer = rangesOf(new Map([['/a', new Uint8Array(100_000)]]), { bytesPerSecond: 10 })
    const scene = new Scene(filesOf(A)).fetch(0, 1, { server: silent })
    scene.clock.runUntil(1_000)
    scene.run!.pause()
    scene.clock.runUntil(300_000)
    expect(scene.end).toBeUndefined()
    scene.run!.resume()
    scene.clock.runUntil(300_000 + WEB_SEED_IDLE_TIMEOUT - 1)
    expect(scene.end).toBeUndefined()
    scene.clock.runUntil(300_000 + WEB_SEED_IDLE_TIMEOUT)
    expect(scene.end?.error?.message).toMatch(/nothing came for 30 s/)
  })
})
