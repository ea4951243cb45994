/** The end of a download: blocks that hang at one source are asked of a second one, too. */
import { beforeEach, describe, expect, test } from 'vitest'
import { PickerWorld, type TestSource } from './fixtures.ts'

test('late blocks are asked of a second peer, the oldest first, and the loser is cancelled', () => {
  const world = new PickerWorld(2, { order: 'sequential' })
  const [slow, fast, third] = [world.source('##'), world.source('##'), world.source('##')]
  world.pick(slow, 1)
  world.now = 50
  world.pick(slow, 1)
  world.now = 120
  expect(world.picker.isEndgame).toBe(true)
  expect(world.pick(fast, 5)).toEqual(['0.0']) // the other one is too young
  world.now = 200
  expect(world.pick(fast, 5)).toEqual(['1.0'])
  expect(world.pick(third, 5)).toEqual([]) // two are enough
  expect(world.send(fast, '0.0')).toEqual(['accepted', slow.id])
  expect(world.send(slow, '0.0')).toEqual(['duplicate'])
})

test('there is none while a block is left that nobody was asked for', () => {
  const world = new PickerWorld(2, { order: 'sequential' })
  const [slow, fast] = [world.source('##'), world.source('#.')]
  world.pick(slow, 1)
  world.now = 10_000
  expect(world.pick(fast, 5)).toEqual([])
})

test('there is none while a block of another piece is free', () => {
  const world = new PickerWorld(2, { blocksPerPiece: 2, order: 'sequential' })
  const [slow, fast] = [world.source('##'), world.source('#.')]
  world.pick(slow, 3)
  world.now = 10_000
  expect(world.pick(fast, 5)).toEqual([])
  world.pick(slow, 1)
  expect(world.pick(fast, 5)).toEqual(['0.0', '0.1'])
})

describe('of 2,000 blocks that one source was asked for', () => {
  const all = '#'.repeat(2_000)
  let world: PickerWorld
  let slow: TestSource
  beforeEach(() => {
    world = new PickerWorld(2_000)
    slow = world.source(all)
    world.pick(slow, 2_000)
  })

  /** 200 others come and ask. */
  function duplicates(): number {
    let count = 0
    for (let i = 0; i < 200; i++) count += world.pick(world.source(all), 10).length
    return count
  }

  test('less than one in a hundred is asked of others before two seconds have passed', () => {
    world.now = 1_999
    expect(duplicates()).toBe(10)
  })

  test('any is asked of whoever idles then, four of each: nobody waits for a modem while others have it', () => {
    world.now = 1_999
    duplicates()
    world.now = 2_000
    expect(duplicates()).toBe(4 * 200)
  })

  test('none is while what anybody sent waits for us', () => {
    world.now = 1_999
    duplicates()
    slow.isHeld = true
    world.now = 5_000
    expect(duplicates()).toBe(0)
  })
})

test('of blocks that hang at several, the oldest go first, and no more than there is room for', () => {
  const world = new PickerWorld(4, { order: 'sequential' })
  const [early, late] = [world.source('###.'), world.source('...#')]
  const [slow, fast] = [world.source('##..'), world.source('####')]
  world.pick(slow, 1)
  world.now = 1
  world.pick(late, 1)
  world.now = 2
  world.pick(early, 2)
  world.now = 500
  expect(world.pick(fast, 2)).toEqual(['0.0', '3.0'])
  expect(world.pick(fast, 1)).toEqual(['1.0'])
})

test('nobody is asked for its own blocks again, for what it lacks, or for more while four are in flight', () => {
  const world = new PickerWorld(8, { order: 'sequential' })
  const [slow, busy] = [world.source('########'), world.source('.....###')]
  world.pick(slow, 5)
  world.pick(busy, 3)
  world.now = 5_000
  expect(world.pick(slow, 99)).toEqual([]) // five are in flight
  expect(world.pick(busy, 99)).toEqual([])
  expect(world.pick(world.source('###.....'), 99)).toEqual(['0.0', '1.0', '2.0'])
  const fast = world.source('########')
  expect(world.pick(fast, 99)).toEqual(['3.0'])
  expect(world.pick(fast, 99)).toEqual(['4.0', '5.0', '6.0'])
  expect(world.pick(fast, 99)).toEqual([])
})

test('what was had at the start is not counted among the blocks of which a few may be asked for twice', () => {
  const world = new PickerWorld(2_000, { have: `${'#'.repeat(1_990)}${'.'.repeat(10)}` })
  const all = '#'.repeat(2_000)
  world.pick(world.source(all), 10)
  world.now = 1_000
  const asked = Array.from({ length: 5 }, () => world.pick(world.source(all), 10).length)
  expect(asked).toEqual([4, 0, 0, 0, 0])
})
