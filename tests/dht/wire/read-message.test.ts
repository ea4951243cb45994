/** The validator at the door takes and refuses what the platform's JSON and the schemas do. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMessage } from '../../../src/dht/wire/codec.ts'
import { anyText, decodeBySchema } from '../any-message.ts'

const REACHED = [
  ...['ping', 'pong', 'findPeers', 'peers', 'announce'],
  ...['charset', 'json', 'keys', 'type', 'field', 'blob'],
]
const encoder = new TextEncoder()

test('whatever a datagram holds, schema and validator say the same', () => {
  const verdicts = new Map<string, number>()
  fc.assert(
    fc.property(anyText, (text) => {
      const read = decodeMessage(encoder.encode(text))
      expect(read, text).toEqual(decodeBySchema(text))
      const verdict = typeof read === 'string' ? read : read.type
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }),
    { numRuns: 4_000 },
  )
  // All ends were reached, or this test would show little.
  for (const verdict of REACHED) expect(verdicts.get(verdict), verdict).toBeGreaterThan(20)
})
