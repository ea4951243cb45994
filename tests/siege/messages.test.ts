/** Attacks by single messages, and by floods of them, all on one seeder, which has to outlive them all. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventLine } from '../../scripts/swarm-process.ts'
import { encodeBencode } from '../../src/protocol/bencode-writer.ts'
import { encodeExtensionHandshake } from '../../src/protocol/extension.ts'
import {
  encodeBitfield,
  encodeCancels,
  encodeChoke,
  encodeExtended,
  encodeHaves,
  encodeInterested,
  encodeNotInterested,
  encodePieceHeader,
  encodeRequests,
  encodeUnchoke,
} from '../../src/protocol/message.ts'
import { encodeMetadataData, encodeMetadataRequest } from '../../src/protocol/metadata-message.ts'
import { encodePex, MAX_PEX_PEERS } from '../../src/protocol/pex-message.ts'
import type { RawPeer } from './raw-peer.ts'
import { MiB, PATIENCE_MS, Siege, type Victim } from './siege.ts'

const METADATA = 1
const PEX = 2
const HUGE = 0xffff_ffff

let siege: Siege
let victim: Victim
beforeAll(async () => {
  siege = await Siege.lay()
  victim = await siege.seeder()
})
afterAll(() => siege.lift())

/** A message of any id whose length prefix says what it likes. */
function message(length: number, ...bytes: readonly number[]): Uint8Array {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(length)
  return Buffer.concat([prefix, Uint8Array.from(bytes)])
}

const text = (words: string): Uint8Array => Buffer.from(words, 'latin1')
const range = (piece: number, begin: number, length: number) => ({ piece, begin, length })
const times = (count: number, ...messages: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, () => messages).flat())
/** 256 pieces. */
const HALF = encodeBitfield(new Uint8Array(32).fill(0xaa))
const HELLO = encodeExtended(
  0,
  encodeExtensionHandshake({
    ids: new Map([
      ['ut_metadata', METADATA],
      ['ut_pex', PEX],
    ]),
  }),
)

describe('one message ends it:', () => {
  test.each<[string, Uint8Array, string]>([
    ['a choke with a length', message(2, 0, 0), 'wire.malformed'],
    ['an unchoke with a length', message(HUGE, 1), 'wire.malformed'],
    ['interest with a length', message(1_000_000, 2), 'wire.malformed'],
    ['no interest with a length', message(2, 3, 9), 'wire.malformed'],
    ['a have without a piece', message(1, 4), 'wire.malformed'],
    ['a have of four gigabytes', message(HUGE, 4), 'wire.malformed'],
    ['a have of a piece that does not exist', encodeHaves([256]), 'wire.bad-piece'],
    ['a have of piece 2^32 - 1', encodeHaves([HUGE]), 'wire.bad-piece'],
    ['an empty bitfield', message(1, 5), 'wire.bad-bitfield'],
    ['a bitfield that is too short', encodeBitfield(new Uint8Array(31)), 'wire.bad-bitfield'],
    ['a bitfield that is too long', encodeBitfield(new Uint8Array(33)), 'wire.bad-bitfield'],
    ['a bitfield of four gigabytes', message(HUGE, 5), 'wire.bad-bitfield'],
    ['a short request', message(12, 6, ...new Uint8Array(11)), 'wire.malformed'],
    ['a request of four gigabytes', message(HUGE, 6), 'wire.malformed'],
    ['a request for nothing', encodeRequests([range(0, 0, 0)]), 'wire.bad-piece'],
    ['a request for a whole piece and more', encodeRequests([range(0, 0, 2 ** 17 + 1)]), 'wire.bad-piece'],
    ['a request behind the end', encodeRequests([range(0, 65_535, 2)]), 'wire.bad-piece'],
    ['a request whose sum overflows', encodeRequests([range(0, HUGE, 16_384)]), 'wire.bad-piece'],
    ['a request of a piece that does not exist', encodeRequests([range(HUGE, 0, 1)]), 'wire.bad-piece'],
    ['an empty block', message(9, 7, ...new Uint8Array(8)), 'wire.malformed'],
    ['a block without fields', message(3, 7, 0, 0), 'wire.malformed'],
    ['a block that is too long', message(131_082, 7), 'wire.oversize'],
    ['a block of four gigabytes', message(HUGE, 7), 'wire.oversize'],
    ['a block outside its piece', times(1, encodePieceHeader(0, 65_536, 1), text('x')), 'wire.bad-piece'],
    ['a short cancel', message(5, 8, 0, 0, 0, 0), 'wire.malformed'],
    ['a port of nothing', message(1, 9), 'wire.malformed'],
    ['an extended message without an id', message(1, 20), 'wire.malformed'],
    ['an extended message of a megabyte', message(MiB, 20), 'wire.oversize'],
    ['a message of an unknown kind, of four gigabytes', message(HUGE, 99), 'wire.oversize'],
    ['an extension handshake that is a list', encodeExtended(0, text('le')), 'bencode.malformed'],
    ['an extension handshake with a tail', encodeExtended(0, text('de!')), 'bencode.malformed'],
    ['an extension handshake cut short', encodeExtended(0, text('d1:m')), 'bencode.malformed'],
    ['one of 120,000 lists', encodeExtended(0, text(`d1:m${'l'.repeat(120_000)}`)), 'bencode.malformed'],
    [
      'one of 10,000 extensions',
      encodeExtended(
        0,
        encodeBencode({ m: new Map(Array.from({ length: 10_000 }, (_, i) => [`${10_000 + i}`, 1])) }),
      ),
      'bencode.malformed',
    ],
    [
      'one with a number of 100,000 digits',
      encodeExtended(0, text(`d1:pi${'9'.repeat(100_000)}ee`)),
      'bencode.malformed',
    ],
  ])('%s', async (_what, bytes, code) => {
    const attacker = await victim.call()
    attacker.send(bytes)
    expect(await victim.verdictOn(attacker)).toBe(code)
  })
})

describe('a flood ends it:', () => {
  test.each<[string, Uint8Array, string]>([
    ['keep-alives', times(50_000, new Uint8Array(4)), 'wire.flood'],
    ['a have of the same piece', times(20_000, encodeHaves([7])), 'wire.flood'],
    ['the same bitfield', times(1_000, HALF), 'wire.flood'],
    ['interest and no interest', times(20_000, encodeInterested(), encodeNotInterested()), 'wire.flood'],
    ['chokes and unchokes', times(20_000, encodeUnchoke(), encodeChoke()), 'wire.flood'],
    ['cancels of nothing', times(20_000, encodeCancels([range(0, 0, 16_384)])), 'wire.flood'],
    ['requests while it is choked', times(20_000, encodeRequests([range(0, 0, 16_384)])), 'wire.flood'],
    ['ports', times(20_000, message(3, 9, 0x1a, 0xe1)), 'wire.flood'],
    ['messages of unknown kinds', times(50_000, message(1, 99)), 'wire.flood'],
    ['extended messages that nobody speaks', times(50_000, encodeExtended(77, text('de'))), 'wire.flood'],
    ['extension handshakes', times(100_000, HELLO), 'wire.flood'],
    [
      'peer exchange',
      times(20_000, HELLO, encodeExtended(PEX, encodePex({ added: [], dropped: [] }))),
      'wire.flood',
    ],
    [
      'blocks that nobody asked for',
      times(200, encodePieceHeader(0, 0, 16_384), new Uint8Array(16_384)),
      'wire.unrequested',
    ],
    [
      'questions for metadata',
      times(500, HELLO, encodeExtended(METADATA, encodeMetadataRequest(0))),
      'wire.flood',
    ],
  ])('%s', async (_what, bytes, code) => {
    const attacker = await victim.call()
    if (code === 'wire.flood') attacker.stopReading()
    attacker.send(encodeHaves([7]), bytes)
    expect(await victim.verdictOn(attacker)).toBe(code)
  })
})

test('metadata that nobody asked for is passed over by who has it', async () => {
  const attacker = await victim.call()
  attacker.send(HELLO)
  for (let i = 0; i < 1_000; i++) attacker.extended(METADATA, encodeMetadataData(i, new Uint8Array(MiB)))
  await stillThere(attacker)
})

test('peers that are told of early, or that are us, or unreachable, fill no memory and are not dialled for ever', async () => {
  const attacker = await victim.call()
  attacker.send(HELLO)
  const [, port] = victim.address.split(':')
  const hosts = [
    '127.0.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '127.66.9.9',
    '10.0.0.1',
    '169.254.169.254',
  ]
  const added = Array.from({ length: MAX_PEX_PEERS }, (_, at) => ({
    endpoint: { host: hosts[at % hosts.length]!, port: at < hosts.length ? Number(port) : at },
    isSeed: true,
    isReachable: true,
  }))
  for (let i = 0; i < 50; i++) attacker.extended(PEX, encodePex({ added, dropped: [] }))
  const isHeard = ({ event, peer }: EventLine): boolean => event === 'pex' && peer === attacker.name
  await victim.process.waitFor(isHeard, PATIENCE_MS)
  await stillThere(attacker)
  expect(victim.process.seen('pex').filter(isHeard)).toHaveLength(1)
})

test('and it is alive, serves, and is no larger', async () => {
  await victim.survives()
})

/** The victim has read everything and minds nothing. */
async function stillThere(attacker: RawPeer): Promise<void> {
  attacker.heard.length = 0
  attacker.send(encodeInterested())
  await attacker.until('unchoke')
  attacker.hangUp()
}
