/** A million messages, right and wrong: the validator at the door against the schemas. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMessage } from '../../src/dht/wire/codec.ts'
import { anyText, decodeBySchema } from '../dht/any-message.ts'

const encoder = new TextEncoder()

test('schema and validator say the same a million times', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(decodeMessage(encoder.encode(text)), text).toEqual(decodeBySchema(text))
    }),
    { numRuns: 1_000_000 },
  )
}, 600_000)
