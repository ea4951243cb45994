import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CommitQueue, GATHERING_MS, MAX_GROUP_BYTES } from '../../../src/storage/fs/commit-queue.ts'
import type { WorkerReply, WorkerRequest } from '../../../src/storage/fs/worker-messages.ts'
import type { WorkerThread } from '../../../src/storage/fs/worker-thread.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A quarter of a group. */
const PIECE_BYTES = MAX_GROUP_BYTES / 4

/** Two workers that answer when they are told to. What they were asked is written as `slot:bytes`, in quarters of a group. */
class Workers {
  readonly asked: string[] = []
  readonly written: number[] = []
  readonly #answers: (() => void)[] = []
  readonly #queue = new CommitQueue(2, (slot) => this.#thread(slot) as unknown as WorkerThread)

  commit(piece: number, quarters = 1): void {
    const data = new Uint8Array(quarters * PIECE_BYTES)
    const work = { data, digest: '', spans: [], place: '', note: undefined }
    this.#queue.add(work, () => this.written.push(piece))
  }

  answer(): void {
    this.#answers.shift()!()
  }

  #thread(slot: number): Pick<WorkerThread, 'ask' | 'isOnline'> {
    return {
      isOnline: true,
      ask: (request: Partial<WorkerRequest>, onReply: (reply: WorkerReply) => void) => {
        if (request.kind !== 'commit') throw new Error('only commits are expected')
        const pieces = request.pieces!
        this.asked.push(`${slot}:${pieces.map(({ data }) => data.length / PIECE_BYTES).join('+')}`)
        this.#answers.push(() =>
          onReply({ kind: 'committed', id: 0, pieces: pieces.map(() => 'written' as const) }),
        )
      },
    }
  }
}

test('small pieces that come one after the other wake a worker once, when they fill a group', () => {
  const workers = new Workers()
  for (const piece of [0, 1, 2]) workers.commit(piece)
  expect(workers.asked).toEqual([])
  workers.commit(3)
  expect(workers.asked).toEqual(['0:1+1+1+1'])
  workers.answer()
  expect(workers.written).toEqual([0, 1, 2, 3])
  expect(vi.getTimerCount()).toBe(0)
})

test('a long piece waits for no other', () => {
  const workers = new Workers()
  workers.commit(0, 4)
  workers.commit(1, 5)
  expect(workers.asked).toEqual(['0:4', '0:5'])
})

test('what fills no group goes a moment after its first piece', () => {
  const workers = new Workers()
  workers.commit(0)
  vi.advanceTimersByTime(GATHERING_MS / 2)
  workers.commit(1)
  expect(workers.asked).toEqual([])
  vi.advanceTimersByTime(GATHERING_MS / 2)
  expect(workers.asked).toEqual(['0:1+1'])
  // Those that come next have a moment of their own.
  workers.commit(2)
  expect(workers.asked.length).toBe(1)
  vi.advanceTimersByTime(GATHERING_MS)
  expect(workers.asked).toEqual(['0:1+1', '0:1'])
})

test('what has waited long enough behind a busy worker goes as soon as there is room, full group or not', () => {
  const workers = new Workers()
  workers.commit(0, 4)
  workers.commit(1, 4)
  workers.commit(2)
  vi.advanceTimersByTime(GATHERING_MS)
  expect(workers.asked).toEqual(['0:4', '0:4'])
  workers.answer()
  expect(workers.asked).toEqual(['0:4', '0:4', '0:1'])
})

test('another worker gets only what would wait for longer', () => {
  const workers = new Workers()
  for (const piece of [0, 1, 2]) workers.commit(piece, 4)
  expect(workers.asked).toEqual(['0:4', '0:4', '1:4'])
})
