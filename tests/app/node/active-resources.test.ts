import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { activeResources } from '../../../src/app/node/active-resources.ts'

test('a timer and a server are counted while they are there', async () => {
  const before = activeResources()
  const timer = setTimeout(() => {}, 60_000)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  expect(activeResources().timers).toBe(before.timers + 1)
  expect(activeResources().handles).toBeGreaterThan(before.handles)
  clearTimeout(timer)
  expect(activeResources().timers).toBe(before.timers)
  await new Promise((resolve) => server.close(resolve))
})
