/** Many more swarms of `tests/sim/faults/stop-at-event.test.ts`. */
import { test } from 'vitest'
import { stopAtEvents } from '../sim/faults/stop-at-events.ts'

test.each([1, 2, 3])('a hundred swarms whose machines are stopped at events (batch %i)', async (batch) => {
  for (let seed = 100 * batch; seed < 100 * (batch + 1); seed++) await stopAtEvents(seed)
})
