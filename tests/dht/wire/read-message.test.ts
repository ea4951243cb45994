/** The validator at the door takes and refuses what the schemas do. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readMessage } from '../../../src/dht/wire/read-message.ts'
import { anyFields, readBySchema } from '../any-message.ts'

test('whatever the fields are, schema and validator say the same', () => {
  const verdicts = new Map<string, number>()
  fc.assert(
    fc.property(anyFields, (fields) => {
      const read = readMessage(fields)
      expect(read).toEqual(readBySchema(fields))
      const verdict = typeof read === 'string' ? read : read.type
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }),
    { numRuns: 4_000 },
  )
  // All ends were reached, or this test would show little.
  for (const verdict of ['ping', 'pong', 'findPeers', 'peers', 'announce', 'type', 'field', 'blob'])
    expect(verdicts.get(verdict), verdict).toBeGreaterThan(20)
})
