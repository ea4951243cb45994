import {
  BencodeDict,
  decodeBencode,
  decodeBencodePrefix,
  isBencodeList,
  MAX_DEPTH,
  type Bencode,
} from '../../../src/protocol/bencode.ts'
import { encodeBencode } from '../../../src/protocol/bencode-writer.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'
import { spoilBencode } from '../grammar/bencode-tree.ts'

const text = (text: string): Uint8Array => new TextEncoder().encode(text)

export const target: FuzzTarget = {
  sources: ['protocol/bencode.ts'],
  words: ['i-1e', 'i0e', 'le', 'de', '0:', '1:a', 'i9007199254740993e', '18446744073709551616'],
  spoil: spoilBencode,

  seeds: () => [
    text('i42e'),
    text('i-9007199254740993e'),
    text('0:'),
    text('4:spam'),
    text('l4:spami1eld1:ai1eeee'),
    text('d1:ad1:bi1e1:c0:e1:zlee'),
    text('d1:zi1e1:ai2ee'),
    text('l'.repeat(MAX_DEPTH) + 'e'.repeat(MAX_DEPTH)),
  ],

  run(data) {
    const decoded = accepted(() => decodeBencode(data), ['bencode.malformed'])
    const prefix = accepted(() => decodeBencodePrefix(data), ['bencode.malformed'])
    if (decoded === undefined) return
    claim(
      prefix?.length === data.length && prefix.isCanonical === decoded.isCanonical,
      'a whole value is its own start',
    )
    const written = encodeBencode(decoded.value)
    claim(
      (Buffer.compare(written, data) === 0) === decoded.isCanonical,
      'what is canonical is what would be written',
    )
    const again = decodeBencode(written)
    claim(again.isCanonical, 'what is written is canonical')
    claimSame(tree(again.value), tree(decoded.value), 'read, written, read')
    checkRaw(decoded.value)
  },
}

/** Every level reads again all that lies below it: deep nesting would make that the most costly part of an input. */
const MAX_LEVELS_READ_AGAIN = 4

/** The bytes of each value in a dictionary are that value. */
function checkRaw(value: Bencode, level = 0): void {
  if (isBencodeList(value)) for (const item of value) checkRaw(item, level + 1)
  if (!(value instanceof BencodeDict)) return
  let before: string | undefined
  for (const [key, member] of value.entries()) {
    claim(before === undefined || before < key, 'keys are sorted, each is there once')
    before = key
    claim(value.get(key) === member, 'a key that is there is found')
    const isLeaf = !isBencodeList(member) && !(member instanceof BencodeDict)
    if (isLeaf || level < MAX_LEVELS_READ_AGAIN)
      claim(
        Buffer.compare(encodeBencode(decodeBencode(value.raw(key)!).value), encodeBencode(member)) === 0,
        'the bytes of a member',
      )
    checkRaw(member, level + 1)
  }
}

function tree(value: Bencode): unknown {
  if (isBencodeList(value)) return value.map(tree)
  return value instanceof BencodeDict
    ? new Map([...value.entries()].map(([key, one]) => [key, tree(one)]))
    : value
}
