/** One web seed: what it asks its server for, and when. Blocks are `piece.block`. */
import { describe, expect, test } from 'vitest'
import { TokenBucket } from '../../src/peer/token-bucket.ts'
import { MAX_RUN_BYTES, MAX_WEB_SEED_RUNS } from '../../src/peer/web-seed.ts'
import { MINUTE, PIECE, range, Scene, slow } from './web-seed-scene.ts'

describe('requests', () => {
  test('blocks that follow each other are one range', () => {
    const scene = new Scene()
    scene.ask(3, 4, 5)
    scene.pass(MINUTE)
    expect(scene.pieces).toEqual(['3-5'])
    expect(scene.blocks).toEqual(['3.0', '3.1', '4.0', '4.1', '5.0', '5.1'])
    expect(scene.seed.downloaded).toBe(3 * PIECE)
  })

  test('several gaps are filled at once, but not more than a few', () => {
    const scene = new Scene()
    scene.ask(0, 10, 20, 30, 40, 50)
    expect(scene.pieces).toEqual(['0-0', '10-10', '20-20', '30-30'].slice(0, MAX_WEB_SEED_RUNS))
    scene.pass(MINUTE)
    expect(scene.pieces).toHaveLength(6)
    expect(scene.blocks).toHaveLength(12)
  })

  test('what is asked while all are busy becomes one long range', () => {
    const scene = new Scene()
    for (let piece = 0; piece < 20; piece++) scene.ask(piece)
    scene.pass(MINUTE)
    expect(scene.pieces).toEqual(['0-0', '1-1', '2-2', '3-3', '4-19'])
  })

  test('a range ends somewhere', () => {
    const scene = new Scene()
    scene.ask(...Array.from({ length: 200 }, (_, i) => i))
    scene.pass(MINUTE)
    const pieces = MAX_RUN_BYTES / PIECE
    expect(scene.pieces).toEqual([`0-${pieces - 1}`, `${pieces}-199`])
    expect(scene.blocks).toHaveLength(400)
  })

  test('what is on its way is not asked for twice', () => {
    const scene = new Scene()
    scene.ask(0, 1)
    scene.ask(0, 1)
    scene.pass(MINUTE)
    expect(scene.pieces).toEqual(['0-1'])
    expect(scene.blocks).toHaveLength(4)
  })

  test('what came can be asked for again: it was corrupt', () => {
    const scene = new Scene()
    scene.ask(7)
    scene.pass(MINUTE)
    scene.ask(7)
    scene.pass(MINUTE)
    expect(scene.blocks).toEqual(['7.0', '7.1', '7.0', '7.1'])
  })

  test('a block that came from elsewhere is left out, and a request for nothing else ends at once', () => {
    const scene = new Scene({ server: slow })
    scene.ask(0, 20)
    scene.seed.cancel([range(0, 0), range(20, 0), range(20, 1)])
    scene.pass(MINUTE)
    expect(scene.blocks).toEqual(['0.1'])
    expect(scene.seed.downRate.total).toBe(PIECE) // of piece 20 nothing came
    expect(scene.events).toMatchObject([{ event: 'webseed_joined' }])
  })

  test('what is cancelled before it was asked for makes room', () => {
    const scene = new Scene({ server: slow })
    scene.ask(0, 10, 20, 30, 40, 50)
    scene.seed.cancel([range(40, 0), range(40, 1)])
    scene.pass(MINUTE)
    expect(scene.pieces).toEqual(['0-0', '10-10', '20-20', '30-30', '50-50'])
  })

  test('of a piece that waits only what is cancelled is left out', () => {
    const scene = new Scene({ server: slow })
    scene.ask(0, 10, 20, 30, 40)
    scene.seed.cancel([range(40, 0)])
    scene.pass(MINUTE)
    expect(scene.blocks.filter((block) => block.startsWith('40'))).toEqual(['40.1'])
    expect(scene.blocks).toHaveLength(9)
  })
})

describe('reading', () => {
  test('stops while the disk is behind, however long that takes, and nobody is to blame', () => {
    const scene = new Scene({ server: slow })
    scene.ask(0, 1, 2, 10)
    scene.pass(300)
    scene.seed.hold('disk')
    scene.pass(100)
    const before = scene.blocks.length
    expect(before).toBeLessThan(8)
    scene.pass(10 * MINUTE)
    expect(scene.blocks).toHaveLength(before)
    scene.seed.unhold('disk')
    scene.pass(MINUTE)
    expect(scene.blocks).toHaveLength(8)
    expect(scene.reasons).toEqual(['webseed_joined'])
  })

  test('a request that is made meanwhile waits, too', () => {
    const scene = new Scene()
    scene.seed.hold('disk')
    scene.ask(0)
    scene.pass(5 * MINUTE)
    expect(scene.blocks).toEqual([])
    scene.seed.unhold('disk')
    scene.pass(1_000)
    expect(scene.blocks).toHaveLength(2)
  })

  test('keeps to the budget', () => {
    const rate = 100_000
    const scene = new Scene({ download: (clock) => new TokenBucket(clock, rate) })
    scene.ask(...Array.from({ length: 100 }, (_, i) => i))
    for (let second = 1; second <= 30; second++) {
      scene.pass(1_000)
      // A chunk that came is paid for afterwards: with half a megabyte at a time that is seldom.
      expect(scene.seed.downloaded).toBeLessThan(rate * second + 600_000)
    }
    expect(scene.seed.downloaded).toBeGreaterThan(0.9 * 30 * rate)
  })

  test('a budget so small that the picker loses patience makes nothing come twice', () => {
    const scene = new Scene({ download: (clock) => new TokenBucket(clock, 2_000) })
    const missing = (): number[] =>
      [0, 1, 20, 40, 60, 80].filter((piece) => !scene.blocks.includes(`${piece}.1`))
    for (let i = 0; missing().length > 0; i++) {
      expect(i).toBeLessThan(40)
      if (!scene.seed.isChokingUs) scene.ask(...missing())
      scene.pass(12_000)
      scene.seed.window.onStall()
    }
    scene.pass(10 * MINUTE)
    expect(scene.blocks).toHaveLength(12)
    expect(scene.pieces).toHaveLength(new Set(scene.pieces).size)
    expect(scene.reasons).toEqual(['webseed_joined'])
  })
})

test('what is closed with requests out says and does nothing more', () => {
  const scene = new Scene({ server: slow })
  scene.ask(0, 1, 2, 10, 20, 30, 40)
  scene.pass(300)
  const blocks = scene.blocks.length
  expect(blocks).toBeGreaterThan(0)
  scene.seed.close()
  scene.seed.hold('disk')
  scene.seed.unhold('disk')
  scene.pass(5 * MINUTE)
  expect(scene.blocks).toHaveLength(blocks)
  expect(scene.said).toEqual([])
  expect(scene.reasons).toEqual(['webseed_joined'])
})

test.each([
  ['http://w.example/payload', 'w.example:80', 'http://w.example/payload'],
  ['https://w.example/payload', 'w.example:443', 'https://w.example/payload'],
  ['http://[2001:db8::1]:8080/payload', '[2001:db8::1]:8080', 'http://[2001:db8::1]:8080/payload'],
  ['http://user:secret@w.example/payload?key=secret#secret', 'w.example:80', 'http://w.example/payload'],
])('%s is shown without its secrets', (url, peer, shown) => {
  const scene = new Scene({ url, server: () => ({ status: 404 }) })
  expect(scene.seed.address).toBe(peer)
  scene.ask(0)
  scene.pass(1_000)
  expect(scene.events).toMatchObject([{ url: shown, peer }])
  expect(JSON.stringify(scene.events)).not.toContain('secret')
})
