/** Spoils bencode as a tree: lengths stay right, so that what reads the values is tried and not only what reads bencode. */
import {
  BencodeDict,
  decodeBencodePrefix,
  isBencodeList,
  type Bencode,
} from '../../../src/protocol/bencode.ts'
import { encodeBencode, type Encodable } from '../../../src/protocol/bencode-writer.ts'
import { ProtocolError } from '../../../src/protocol/errors.ts'
import type { Random } from '../../../src/protocol/ports.ts'
import { Mutator } from '../engine/mutator.ts'

type Tree = Encodable
type Branch = Map<string, Tree> | Tree[]

/** Values that lists and dictionaries are grown to by copies of one item. */
const MAX_COPIES = 40
const MAX_STRING = 256
const NUMBERS = [
  0,
  1,
  -1,
  20,
  255,
  16_384,
  65_535,
  2 ** 29,
  2 ** 29 + 1,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  -(2 ** 31),
]

/** What follows the value stays behind it. */
export function spoilBencode(data: Uint8Array, other: Uint8Array, random: Random): Uint8Array | undefined {
  const read = decode(data)
  if (read === undefined) return undefined
  const lender = branches(decode(other)?.tree ?? new Map())
  let { tree } = read
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    const all = branches(tree)
    if (all.length === 0) tree = spoilLeaf(tree, random)
    else spoilBranch(all[random.int(all.length)]!, lender, random)
  }
  const value = encodeBencode(tree)
  const whole = new Uint8Array(value.length + data.length - read.length)
  whole.set(value)
  whole.set(data.subarray(read.length), value.length)
  return whole
}

function decode(data: Uint8Array): { tree: Tree; length: number } | undefined {
  try {
    const { value, length } = decodeBencodePrefix(data)
    return { tree: treeOf(value), length }
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

function treeOf(value: Bencode): Tree {
  if (isBencodeList(value)) return value.map(treeOf)
  if (!(value instanceof BencodeDict)) return value
  return new Map([...value.entries()].map(([key, member]) => [key, treeOf(member)]))
}

function isBranch(tree: Tree | undefined): tree is Branch {
  return tree instanceof Map || Array.isArray(tree)
}

/** Lists and dictionaries that hold something. */
function branches(tree: Tree): Branch[] {
  if (!isBranch(tree)) return []
  const below = [...tree.values()].flatMap(branches)
  return (tree instanceof Map ? tree.size : tree.length) > 0 ? [tree, ...below] : below
}

function spoilBranch(branch: Branch, lender: readonly Branch[], random: Random): void {
  const keys = [...branch.keys()]
  const key = keys[random.int(keys.length)]!
  const value = get(branch, key)
  switch (random.int(8)) {
    case 0:
      if (branch instanceof Map) branch.delete(key as string)
      else branch.splice(key as number, 1)
      break
    case 1: {
      const from = lender[random.int(lender.length + 1)]
      if (from !== undefined) lend(branch, from, random)
      break
    }
    case 2: {
      const copies = 1 + random.int(random.int(4) === 0 ? MAX_COPIES : 2)
      if (Array.isArray(branch)) for (let copy = 0; copy < copies; copy++) branch.push(value)
      else branch.set(`${String(key)}.utf-8`, value)
      break
    }
    case 3:
      set(branch, key, [value])
      break
    case 4:
      set(branch, key, random.int(2) === 0 ? new Map() : [])
      break
    default:
      if (!isBranch(value)) set(branch, key, spoilLeaf(value, random))
  }
}

/** One of the members of `from`, under its own name or in place of another. */
function lend(branch: Branch, from: Branch, random: Random): void {
  const keys = [...from.keys()]
  const key = keys[random.int(keys.length)]!
  const value = structuredClone(get(from, key))
  if (branch instanceof Map) branch.set(String(key).replaceAll(/[^\0-\xff]/g, '?'), value)
  else branch.splice(random.int(branch.length + 1), random.int(2), value)
}

function spoilLeaf(value: Tree, random: Random): Tree {
  if (value instanceof Uint8Array && random.int(8) > 0) {
    const words = [new Uint8Array(), new Uint8Array(random.int(60)).fill(0x2f)]
    return new Mutator({ random, words, maxLength: MAX_STRING }).spoil(value, value)
  }
  if (random.int(8) === 0) return random.fill(new Uint8Array(random.int(40)))
  const near = typeof value === 'number' ? value + random.int(5) - 2 : random.int(2 ** 32)
  return random.int(2) === 0 && Number.isSafeInteger(near) ? near : NUMBERS[random.int(NUMBERS.length)]!
}

function get(branch: Branch, key: string | number): Tree {
  return branch instanceof Map ? branch.get(key as string)! : branch[key as number]!
}

function set(branch: Branch, key: string | number, value: Tree): void {
  if (branch instanceof Map) branch.set(key as string, value)
  else branch[key as number] = value
}
