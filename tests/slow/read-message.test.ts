/** A million messages, right and wrong: the validator at the door against the schemas. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readMessage } from '../../src/dht/wire/read-message.ts'
import { anyFields, readBySchema } from '../dht/any-message.ts'

test('schema and validator say the same a million times', () => {
  fc.assert(
    fc.property(anyFields, (fields) => {
      expect(readMessage(fields)).toEqual(readBySchema(fields))
    }),
    { numRuns: 1_000_000 },
  )
}, 600_000)
