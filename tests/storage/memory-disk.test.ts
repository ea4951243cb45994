import { describe, expect, test } from 'vitest'
import { SimClock } from '../../src/app/sim/clock.ts'
import { SeededRandom } from '../../src/app/sim/random.ts'
import { PieceGeometry } from '../../src/metainfo/geometry.ts'
import { StorageError } from '../../src/protocol/errors.ts'
import type { OpenMode, Payload, PayloadPlan } from '../../src/storage/disk.ts'
import { MemoryDisk } from '../../src/storage/memory-disk.ts'
import { PAGE_BYTES } from '../../src/storage/memory-file.ts'
import { hashes } from '../support/hashes.ts'

const PIECES = 16
const PATH = '/data/film.bin'

/** A disk with a plan for a file of 16 pieces of one page each, piece n full of the byte n + 1. */
function makeMachine(seed = 1) {
  const clock = new SimClock()
  const disk = new MemoryDisk({ clock, random: new SeededRandom(seed), hashes })
  const piece = (index: number): Uint8Array => new Uint8Array(PAGE_BYTES).fill(index + 1)
  const digests = new Uint8Array(20 * PIECES)
  for (let index = 0; index < PIECES; index++) digests.set(hashes.sha1(piece(index)), 20 * index)
  const geometry = new PieceGeometry(PAGE_BYTES, [{ path: [], length: PIECES * PAGE_BYTES }])
  const plan: PayloadPlan = { path: PATH, isSingleFile: true, geometry, digests }
  const run = (): void => clock.runUntil(clock.now() + 60_000)
  const wait = <T>(start: (done: (result: T) => void) => void): T => {
    const results: T[] = []
    start((result) => results.push(result))
    run()
    expect(results.length).toBe(1)
    return results[0]!
  }
  return {
    disk,
    clock,
    run,
    piece,
    wait,
    open: (mode: OpenMode = 'download'): Payload => {
      const payload = wait<Payload | StorageError>((done) => disk.open(plan, mode, done))
      if (payload instanceof StorageError) throw payload
      if (mode === 'download') expect(wait((done) => payload.allocate(false, done))).toBeUndefined()
      return payload
    },
    commit: (payload: Payload, index: number): unknown =>
      wait((done) => payload.commit(index, piece(index), done)),
    /** `#` the piece, `.` untouched, `~` anything else. */
    content: (): string => {
      const bytes = disk.readFile(PATH)
      if (bytes === undefined) return 'no file'
      if (bytes.length === 0) return 'empty'
      return Array.from({ length: PIECES }, (_, index) => {
        const part = bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES)
        return part.every((byte) => byte === index + 1) ? '#' : part.every((byte) => byte === 0) ? '.' : '~'
      }).join('')
    },
  }
}

describe('when the power fails', () => {
  test('what was synced stays, and any part of the rest is lost', () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, open, commit, wait, content } = makeMachine(seed)
      const payload = open()
      for (let index = 0; index < 8; index++) commit(payload, index)
      expect(wait<StorageError | undefined>((done) => payload.sync(done))).toBeUndefined()
      for (let index = 8; index < 16; index++) commit(payload, index)
      expect(content()).toBe('################')
      disk.crash()
      expect(content()).toMatch(/^#{8}[#.]{8}$/)
      outcomes.add(content())
    }
    expect(outcomes.size).toBeGreaterThan(10)
  })

  test('a file that was not synced may be gone, or empty', () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, open, content } = makeMachine(seed)
      open()
      disk.crash()
      outcomes.add(content())
    }
    expect([...outcomes].sort()).toEqual(['................', 'empty', 'no file'])
  })

  test('the resume file is the old one or the new one', () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, open, wait } = makeMachine(seed)
      const payload = open()
      wait<StorageError | undefined>((done) => payload.replaceResume(new TextEncoder().encode('old'), done))
      payload.replaceResume(new TextEncoder().encode('new'), () => {
        throw new Error('the process is dead')
      })
      disk.crash()
      outcomes.add(new TextDecoder().decode(disk.readFile('/data/.film.bin.bitswarm-resume')))
    }
    expect([...outcomes].sort()).toEqual(['new', 'old'])
  })

  test('the disk goes on as it is: locks are free and the next process finds the files', () => {
    const { disk, open, commit, wait } = makeMachine()
    const payload = open()
    commit(payload, 3)
    wait<StorageError | undefined>((done) => payload.sync(done))
    disk.crash()
    const reopened = open()
    expect(reopened.found[0]?.length).toBe(PIECES * PAGE_BYTES)
    const good: number[] = []
    wait<StorageError | undefined>((done) =>
      reopened.verify([2, 3, 4], (piece, isGood) => isGood && good.push(piece), done),
    )
    expect(good).toEqual([3])
  })
})

describe('when the process is killed', () => {
  test('nothing written is lost, a write under way is left at any point, and nobody is called', () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 50; seed++) {
      const { disk, open, commit, piece, run, content } = makeMachine(seed)
      const payload = open()
      commit(payload, 0)
      payload.commit(1, piece(1), () => {
        throw new Error('the process is dead')
      })
      disk.kill()
      run()
      outcomes.add(content())
    }
    expect([...outcomes].every((picture) => /^#[#.~]\.{14}$/.test(picture))).toBe(true)
    expect([...outcomes]).toContain('#~..............')
  })

  test('what the dead process still asks for never happens', () => {
    const { disk, open, piece, run, content } = makeMachine()
    const dead = open()
    disk.kill()
    dead.commit(0, piece(0), () => {
      throw new Error('the process is dead')
    })
    dead.close(() => {
      throw new Error('the process is dead')
    })
    run()
    expect(content()).toBe('................')
    open()
  })
})

describe('faults on request', () => {
  test('a disk is full at the byte, keeps what it has, and takes more when there is space again', () => {
    const { disk, open, commit } = makeMachine()
    const payload = open()
    disk.freeBytes = 2 * PAGE_BYTES
    expect([commit(payload, 0), commit(payload, 1)]).toEqual(['written', 'written'])
    expect(commit(payload, 2)).toMatchObject({ code: 'disk.full' })
    expect(commit(payload, 1)).toBe('written')
    disk.freeBytes = PAGE_BYTES
    expect(commit(payload, 2)).toBe('written')
  })

  test.each(['read', 'write', 'sync'] as const)('a fault of %s lasts until it is taken back', (operation) => {
    const { disk, open, commit, wait } = makeMachine()
    const payload = open()
    const attempt = (): unknown => {
      if (operation === 'write') return commit(payload, 0)
      return wait<StorageError | undefined>((done) => {
        if (operation === 'sync') payload.sync(done)
        else payload.read(0, 0, [new Uint8Array(10)], done)
      })
    }
    disk.setFault(operation, 'disk.io')
    expect(attempt()).toMatchObject({ code: 'disk.io' })
    disk.setFault(operation)
    expect(attempt()).not.toMatchObject({ code: 'disk.io' })
  })

  test('a flipped bit is seen by verifying, and by nothing else', () => {
    const { disk, open, commit, wait } = makeMachine()
    const payload = open()
    for (let index = 0; index < PIECES; index++) commit(payload, index)
    const before = wait<unknown>((done) => payload.stat(done))
    disk.flipBit(PATH, 5 * PAGE_BYTES + 77)
    expect(wait<unknown>((done) => payload.stat(done))).toEqual(before)
    const bad: number[] = []
    wait<StorageError | undefined>((done) =>
      payload.verify(
        Array.from({ length: PIECES }, (_, index) => index),
        (piece, isGood) => !isGood && bad.push(piece),
        done,
      ),
    )
    expect(bad).toEqual([5])
  })

  test('operations take their time, one after the other, and finish in order', () => {
    const { disk, clock, open, piece } = makeMachine()
    const payload = open()
    disk.latencyMs = 10
    disk.bytesPerSecond = 1000 * PAGE_BYTES
    const start = clock.now()
    const finished: number[] = []
    for (let index = 0; index < 3; index++)
      payload.commit(index, piece(index), () => finished.push(clock.now() - start))
    disk.latencyMs = 0
    payload.sync(() => finished.push(clock.now() - start))
    clock.runUntil(start + 100)
    expect(finished).toEqual([11, 12, 13, 13])
  })
})
