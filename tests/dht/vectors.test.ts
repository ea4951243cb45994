import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { decodeMessage, encodeMessage } from '../../src/dht/wire/codec.ts'
import { compactEndpoint } from '../../src/protocol/endpoint.ts'
import { toHex } from '../../src/protocol/ids.ts'

const vectors = z
  .object({
    accepted: z.array(
      z.object({
        what: z.string(),
        datagram: z.string(),
        fields: z.record(z.string(), z.unknown()),
        net: z.string().optional(),
        bytes: z.int().optional(),
      }),
    ),
    dropped: z.array(z.object({ what: z.string(), datagram: z.string(), reason: z.string() })),
  })
  .parse(JSON.parse(readFileSync(new URL('../../docs/dht-vectors.json', import.meta.url), 'utf8')))

const endpoint = z.strictObject({ host: z.string(), port: z.int() })

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

test.each(vectors.accepted)('published: $what', ({ datagram, fields, net, bytes }) => {
  const message = decodeMessage(bytesOf(datagram), net)
  if (typeof message === 'string') throw new Error(`dropped: ${message}`)
  const read = Object.entries(message).map(([key, value]) => [key, published(value)])
  expect(Object.fromEntries(read)).toEqual(fields)
  // Those that are as compact as we write them come out byte for byte.
  if (bytes !== undefined) {
    expect(datagram).toHaveLength(bytes)
    expect(encodeMessage(message, net)).toBe(datagram)
  }
})

/** What is packed on the wire is published as its bytes. */
function published(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  const { success, data } = endpoint.safeParse(value)
  return success ? toHex(compactEndpoint(data)) : value
}

test.each(vectors.dropped)('published: $what', ({ datagram, reason }) => {
  expect(decodeMessage(bytesOf(datagram))).toBe(reason)
})
