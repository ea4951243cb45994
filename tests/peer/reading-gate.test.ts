/** When we read from a remote. */
import { expect, test } from 'vitest'
import { ReadingGate } from '../../src/peer/reading-gate.ts'
import type { ByteStream } from '../../src/protocol/ports.ts'

test('reading goes on when both the disk and the budget allow it', () => {
  const paused: boolean[] = []
  const stream = { pause: () => paused.push(true), resume: () => paused.push(false) } as unknown as ByteStream
  let refill = (): void => {}
  let budget = 100
  const gate = new ReadingGate(stream, {
    ask(bytes, onRefill) {
      const granted = Math.min(bytes, budget)
      budget -= granted
      if (granted < bytes) refill = onRefill
      return granted
    },
  })
  gate.onReceived(150)
  gate.hold('disk')
  budget = 1_000
  refill()
  expect(paused).toEqual([true])
  gate.unhold('disk')
  expect(paused).toEqual([true, false])
})

test('the budget is asked by one at a time, and by nobody once the connection is closed', () => {
  let asked = 0
  let refill = (): void => {}
  const gate = new ReadingGate(
    { pause: () => {}, resume: () => {} },
    {
      ask(_bytes, onRefill) {
        asked++
        refill = onRefill
        return 0
      },
    },
  )
  for (let chunks = 0; chunks < 3; chunks++) gate.onReceived(100)
  expect(asked).toBe(1)
  gate.close()
  refill()
  expect(asked).toBe(1)
})
