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

test('a ping as most are with one byte changed, taken out or put in is what the schema says', () => {
  const ping = '{"v":1,"type":"ping","t":"Xjm_","id":"3bf3f7e11d723594dadc92f8df877921334766b4"}'
  expect(decodeMessage(encoder.encode(ping))).toEqual(decodeBySchema(ping))
  expect(decodeBySchema(ping)).toHaveProperty('type', 'ping')
  const say = (text: string): void =>
    expect(decodeMessage(encoder.encode(text)), text).toEqual(decodeBySchema(text))
  for (let at = 0; at <= ping.length; at++) {
    say(ping.slice(0, at) + ping.slice(at + 1))
    for (let byte = 0; byte < 0x80; byte++) {
      const char = String.fromCharCode(byte)
      say(ping.slice(0, at) + char + ping.slice(at + 1))
      say(ping.slice(0, at) + char + ping.slice(at))
    }
  }
  for (const length of [3, 4, 16, 17]) say(ping.replace('Xjm_', 'a'.repeat(length)))
})
