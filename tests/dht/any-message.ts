/** Every message that there can be, and fields as no message may have them. */
import fc from 'fast-check'
import { encodeMessage } from '../../src/dht/wire/codec.ts'
import { BAD_BLOB, MESSAGE_SCHEMAS } from '../../src/dht/wire/message-schemas.ts'
import type { Message } from '../../src/dht/wire/messages.ts'
import type { InfoHash, NodeId } from '../../src/protocol/ids.ts'

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }) as fc.Arbitrary<NodeId & InfoHash>
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined })
const text = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength })
const word = 'ABCXYZabcxyz0189'
const packed = (unit: number, most: number): fc.Arbitrary<Uint8Array | undefined> =>
  optional(
    fc
      .integer({ min: 0, max: most })
      .chain((count) => fc.uint8Array({ minLength: unit * count, maxLength: unit * count })),
  )
const header = { t: text(`${word}_-`, 4, 16), id, ro: optional(fc.constant(1 as const)) }
const request = { ...header, pad: optional(fc.integer({ min: 0, max: 300 })) }
const reply = {
  ...header,
  ip: optional(fc.constantFrom({ host: '0.0.0.0', port: 0 }, { host: '2001:db8::707', port: 65_535 })),
  e: optional(fc.tuple(fc.integer({ min: 200, max: 299 }), text(`${word} ._-`, 0, 48))),
}
const anyToken = text(`${word}_-`, 1, 64)

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('ping' as const),
    ...request,
    rp: optional(fc.integer({ min: 1_024, max: 65_535 })),
  }),
  fc.record({
    type: fc.constant('pong' as const),
    ...reply,
    ttl: optional(fc.integer({ min: 60, max: 7_200 })),
    ts: optional(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  }),
  fc
    .record({
      type: fc.constant('findPeers' as const),
      ...request,
      want: optional(fc.subarray<'n4' | 'n6'>(['n4', 'n6'])),
      token: optional(anyToken),
      key: id,
      isTarget: fc.boolean(),
    })
    .map(({ key, isTarget, ...rest }) => ({ ...rest, ...(isTarget ? { target: key } : { infoHash: key }) })),
  fc.record({
    type: fc.constant('peers' as const),
    ...reply,
    token: optional(anyToken),
    nodes: packed(26, 8),
    nodes6: packed(38, 4),
    peers: packed(6, 20),
    peers6: packed(18, 4),
    n: optional(fc.integer({ min: 0, max: 65_535 })),
    more: optional(fc.constant(1 as const)),
  }),
  fc
    .record({
      type: fc.constant('announce' as const),
      ...request,
      infoHash: id,
      token: anyToken,
      port: fc.integer({ min: 1, max: 65_535 }),
      isImplied: fc.boolean(),
      seed: optional(fc.constantFrom(0 as const, 1 as const)),
    })
    .map(({ port, isImplied, ...rest }) => ({
      ...rest,
      ...(isImplied ? { implied: 1 as const } : { port }),
    })),
)

const FIELDS = [
  't',
  'id',
  'ro',
  'pad',
  'rp',
  'target',
  'infoHash',
  'want',
  'token',
  'port',
  'implied',
  'seed',
  'ip',
  'e',
]
const MORE_FIELDS = ['ttl', 'ts', 'nodes', 'nodes6', 'peers', 'peers6', 'n', 'more', 'x_new', 'type']

/** What can be put into a text, or in place of one of its characters. */
const SPOILERS = [
  ...'"[]{},: 019eEnt+-.\\é',
  '"v":1,',
  '"x":0,',
  '"x" :0,',
  '"x":["a",1],',
  ',"y":true',
  'null',
]

const HEX = '0123456789abcdef'
const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    '',
    0,
    1,
    2,
    59,
    60,
    200,
    299,
    300,
    1_023,
    1_024,
    7_200,
    7_201,
    65_535,
    65_536,
  ),
  fc.constantFrom<unknown>(
    2 ** 53,
    1e300,
    Infinity,
    [],
    ['n4'],
    ['n6', 'n6'],
    ['n4', 'n6', 'n4'],
    ['n5'],
    [['n4']],
    [1],
  ),
  fc.constantFrom<unknown>(
    [201, 'generic'],
    [199, 'x'],
    [201],
    [201, 'x', 1],
    [201, 'a'.repeat(49)],
    ['201', 'x'],
    [201, 1],
  ),
  fc.constantFrom<unknown>(
    '0',
    '0'.repeat(1_000),
    '0'.repeat(1_001),
    '00x',
    'AAAA',
    'AAA=',
    'AA+A',
    'AB',
    'A',
    'AAAAAAAB',
  ),
  fc.constantFrom<unknown>(
    'ping',
    'pong',
    'findPeers',
    'peers',
    'announce',
    'constructor',
    '__proto__',
    'toString',
  ),
  fc.integer(),
  text(`${HEX}ABCDEFg`, 38, 42),
  text(HEX, 40, 40),
  text('ABab01_-+/= {@`[', 0, 70),
  fc.integer({ min: 0, max: 90 }).map((count) => 'A'.repeat(8 * count)),
  fc.string({ maxLength: 20 }),
)

/** Messages as texts, with a few fields changed, added or taken away, and a few characters. */
export const anyText: fc.Arbitrary<string> = fc
  .tuple(
    anyMessage,
    fc.array(fc.tuple(fc.constantFrom(...FIELDS, ...MORE_FIELDS), fc.option(value)), { maxLength: 2 }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      fc.array(fc.tuple(fc.nat(), fc.nat(1), fc.constantFrom(...SPOILERS)), { maxLength: 2 }),
    ),
  )
  .map(([message, changes, spoilers]) => {
    const fields = JSON.parse(encodeMessage(message)) as Record<string, unknown>
    for (const [name, changed] of changes) {
      if (changed === null) delete fields[name]
      else fields[name] = changed
    }
    let text = JSON.stringify(fields)
    for (const [place, cut, spoiler] of spoilers) {
      // Whole members go where members begin, all else anywhere.
      const at = spoiler.endsWith(',') && spoiler.length > 1 ? 1 : place % text.length
      text = text.slice(0, at) + spoiler + text.slice(spoiler.length > 1 ? at : at + cut)
    }
    return text
  })

/** What the schemas and the platform's JSON say to a datagram, by the book. */
export function decodeBySchema(text: string): unknown {
  const outside = text.replaceAll(/"[^"]*("|$)/g, '""')
  const isPlain = /^\{[ -[\]-z|}~]*\}$/.test(text)
  if (!isPlain || /[-+.]|\d[eE]|\[[^\]]*\[/.test(outside)) return 'charset'
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(text) as Record<string, unknown>
  } catch {
    return 'json'
  }
  const keys = Object.keys(fields)
  const isForbidden = (key: string): boolean => ['__proto__', 'constructor', 'prototype'].includes(key)
  // A repeated key leaves fewer of them; a blank behind a key is taken for an attempt to hide one.
  const strings = text.match(/"[^"]*"( *:)?/g)!
  const isOdd =
    strings.some((string) => string.endsWith(' :')) ||
    keys.length !== strings.filter((string) => string.endsWith(':')).length
  if (isOdd || keys.length > 24 || keys.some(isForbidden)) return 'keys'
  const { v, net, type } = fields
  if (v !== 1) return 'version'
  if (net !== undefined) return 'net'
  if (typeof type !== 'string' || !Object.hasOwn(MESSAGE_SCHEMAS, type)) return 'type'
  const result = MESSAGE_SCHEMAS[type as Message['type']].safeParse(fields)
  if (result.success) return result.data
  return result.error.issues.every(({ message }) => message === BAD_BLOB) ? 'blob' : 'field'
}
