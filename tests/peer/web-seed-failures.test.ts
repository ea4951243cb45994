/** What becomes of a web seed whose server fails, is silent, or slow. */
import { describe, expect, test } from 'vitest'
import type { SimServer } from '../../src/app/sim/http.ts'
import { MAX_WEB_SEED_FAILURES } from '../../src/peer/web-seed.ts'
import { ranges } from '../support/range-server.ts'
import { content, HOST, MINUTE, PIECE, range, Scene, URL_OF_SEED } from './web-seed-scene.ts'

describe('a failure', () => {
  test('costs a rest that doubles; after some in a row the seed is dropped', () => {
    const scene = new Scene({ server: () => ({ status: 503 }) })
    for (let i = 0; i < MAX_WEB_SEED_FAILURES; i++) {
      expect(scene.seed.isChokingUs).toBe(false)
      scene.ask(i)
      scene.pass(1_000)
      expect(scene.seed.isChokingUs).toBe(i < MAX_WEB_SEED_FAILURES - 1)
      scene.pass(MINUTE)
    }
    const rests = scene.events.flatMap((event) => ('retrySeconds' in event ? [event.retrySeconds!] : []))
    expect(rests).toHaveLength(MAX_WEB_SEED_FAILURES - 1)
    rests.forEach((rest, i) => {
      expect(rest).toBeGreaterThanOrEqual(Math.floor(0.75 * 2 ** (i + 1)))
      expect(rest).toBeLessThanOrEqual(2 ** (i + 1))
    })
    expect(scene.reasons.at(-1)).toMatch(/^5 failures in a row, the last: .*503/)
    expect(scene.said.filter((word) => word === 'closed')).toHaveLength(1)
    expect(scene.seed.isClosed).toBe(true)
  })

  test('of all requests at once is one failure, and what is asked of the seed is released', () => {
    const scene = new Scene({ server: ranges(content, { breaksAfter: 100 }) })
    scene.ask(0, 10, 20, 30, 40)
    scene.pass(1_000)
    expect(scene.reasons).toHaveLength(1)
    expect(scene.said).toEqual(['choke'])
    scene.pass(2_000)
    expect(scene.said).toEqual(['choke', 'unchoke'])
    expect(scene.pieces).toHaveLength(4) // nothing is asked for unless the downloader asks again
  })

  test('leaves what was asked for to be asked for again, and nothing else', () => {
    let requests = 0
    const server: SimServer = (request) => (requests++ === 0 ? { status: 503 } : ranges(content)(request))
    const scene = new Scene({ server })
    scene.ask(0, 10, 20, 30, 40)
    scene.pass(3_000)
    expect([scene.said, scene.blocks]).toEqual([['choke', 'unchoke'], []])
    scene.ask(0)
    scene.pass(MINUTE)
    expect(scene.blocks).toEqual(['0.0', '0.1'])
  })

  test('before which blocks came is the first again', () => {
    const scene = new Scene({ server: ranges(content, { breaksAfter: PIECE }) })
    for (let i = 0; i < 3 * MAX_WEB_SEED_FAILURES; i++) {
      scene.ask(10 * i, 10 * i + 1)
      scene.pass(10_000)
    }
    expect(scene.events.some(({ event }) => event === 'webseed_dropped')).toBe(false)
    expect(scene.blocks).toHaveLength(2 * 3 * MAX_WEB_SEED_FAILURES)
  })

  test.each([
    ['40', 40],
    ['1', 2],
    ['999999999', 3_600],
    ['-5', 2],
    ['Wed, 21 Oct 2026 07:28:00 GMT', 2],
  ])('with Retry-After: %s costs a rest of %i s', (value, seconds) => {
    const scene = new Scene({ server: () => ({ status: 429, headers: { 'retry-after': value } }) })
    scene.ask(0)
    scene.pass(1_000)
    expect(scene.events).toMatchObject([{ event: 'webseed_failed', retrySeconds: seconds }])
  })

  test('that does not pass ends it at once', () => {
    const scene = new Scene({ server: () => ({ status: 404 }) })
    scene.ask(0, 10)
    scene.pass(1_000)
    expect(scene.events).toMatchObject([
      { event: 'webseed_dropped', url: URL_OF_SEED, peer: `${HOST}:80`, downloaded: 0 },
    ])
    scene.pass(10 * MINUTE)
    expect(scene.said).toEqual(['closed'])
  })
})

describe('a silent one', () => {
  const silentAfter = (requests: number): SimServer => {
    let count = 0
    return (request) => (count++ < requests ? ranges(content)(request) : undefined)
  }

  test('is asked for nothing more, and what waits is given to others', () => {
    const scene = new Scene({ server: silentAfter(0) })
    scene.ask(0, 10, 20, 30, 40)
    scene.pass(10_000)
    scene.seed.window.onStall()
    expect(scene.seed.isChokingUs).toBe(true)
    scene.pass(10_000)
    expect(scene.reasons).toEqual([`${HOST}: no answer within 15 s`])
    expect(scene.pieces).toHaveLength(4)
  })

  test('that goes on is used again', () => {
    const scene = new Scene({ server: ranges(content, { delayMs: 12_000 }) })
    scene.ask(0, 10, 20, 30, 40)
    scene.pass(10_000)
    scene.seed.window.onStall()
    scene.pass(5_000)
    expect(scene.seed.isChokingUs).toBe(false)
    expect(scene.blocks.map(parseFloat).toSorted((a, b) => a - b)).toEqual([
      0, 0.1, 10, 10.1, 20, 20.1, 30, 30.1,
    ])
    scene.pass(MINUTE)
    expect(scene.blocks).toHaveLength(8) // what waited was given to others
    expect(scene.reasons).toEqual(['webseed_joined'])
  })

  test('whose requests nobody needs any more is not silent', () => {
    const scene = new Scene({ server: silentAfter(0) })
    scene.ask(0)
    scene.pass(10_000)
    scene.seed.window.onStall()
    scene.seed.cancel([range(0, 0), range(0, 1)])
    expect(scene.seed.isChokingUs).toBe(false)
  })
})

describe('a slow one', () => {
  const trickle = (bytesPerSecond: number): Scene => {
    const scene = new Scene({ up: bytesPerSecond })
    scene.ask(0, 1, 2, 3, 4, 5, 6, 7)
    return scene
  }

  test('is dropped when others are many times as fast', () => {
    const scene = trickle(3_000)
    scene.pass(14_000, 10_000_000)
    expect(scene.events.at(-1)).toMatchObject({
      event: 'webseed_dropped',
      reason: expect.stringMatching(/too slow.*others/) as string,
    })
  })

  test('is kept when it is the best there is, or when it is we who do not read', () => {
    const best = trickle(3_000)
    best.pass(MINUTE, 100_000)
    expect(best.seed.isClosed).toBe(false)
    const held = trickle(3_000)
    for (let i = 0; i < 20; i++) {
      held.seed.hold('disk')
      held.pass(1_000, 10_000_000)
      held.seed.unhold('disk')
      held.pass(1_000, 10_000_000)
    }
    expect(held.seed.isClosed).toBe(false)
  })

  test('that sends next to nothing is dropped, others or not', () => {
    const scene = trickle(200)
    scene.pass(70_000)
    expect(scene.reasons.at(-1)).toBe('it is too slow: 0 bytes in 60 s')
  })

  test('that sends next to nothing is dropped, however much it has sent before', () => {
    let requests = 0
    const server: SimServer = (request) =>
      ranges(content, requests++ < 4 ? {} : { bytesPerSecond: 200 })(request)
    const scene = new Scene({ server })
    scene.ask(0, 10, 20, 30)
    scene.pass(2_000)
    expect(scene.blocks).toHaveLength(8)
    scene.ask(40)
    scene.pass(70_000)
    expect(scene.reasons.at(-1)).toMatch(/^it is too slow: \d+ bytes in 60 s$/)
  })

  test('that has nothing to do is not slow', () => {
    const scene = new Scene()
    scene.ask(0)
    scene.pass(10 * MINUTE, 1e9)
    expect(scene.seed.isClosed).toBe(false)
  })
})
