/** Spoils JSON as a tree: it stays JSON, so that what reads the members is tried. */
import type { Random } from '../../../src/protocol/ports.ts'
import { latin1, Mutator } from '../engine/mutator.ts'

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type Branch = Json[] | { [key: string]: Json }

const MAX_STRING = 512
const VALUES: readonly Json[] = [
  0,
  1,
  -1,
  0.5,
  1e21,
  2 ** 29 + 1,
  2 ** 31,
  2 ** 53,
  -0,
  true,
  false,
  null,
  '',
  [],
  {},
  'A===',
  '\ud800',
  '\u202e',
  '\u0000',
  '__proto__',
]

/** UTF-8 in, UTF-8 out. */
export function spoilJson(data: Uint8Array, other: Uint8Array, random: Random): Uint8Array | undefined {
  const json = parse(data)
  if (json === undefined) return undefined
  const lender = branches(parse(other) ?? {})
  const root: Branch = [json]
  for (let changes = 1 + random.int(3); changes > 0; changes--) {
    const all = branches(root)
    if (all.length === 0) return undefined
    spoilBranch(all[random.int(all.length)]!, lender, random)
  }
  return new TextEncoder().encode(JSON.stringify(root[0] ?? null))
}

function parse(data: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(data)) as Json
  } catch {
    return undefined
  }
}

function branches(json: Json): Branch[] {
  if (typeof json !== 'object' || json === null) return []
  return [json, ...Object.values(json).flatMap(branches)].filter((branch) => Object.keys(branch).length > 0)
}

function spoilBranch(branch: Branch, lender: readonly Branch[], random: Random): void {
  const keys = Object.keys(branch)
  const key = keys[random.int(keys.length)]!
  const members = branch as { [key: string]: Json }
  const value = members[key]!
  switch (random.int(8)) {
    case 0:
      if (Array.isArray(branch)) branch.splice(Number(key), 1)
      else delete members[key]
      break
    case 1: {
      const from = lender[random.int(lender.length + 1)] as { [key: string]: Json } | undefined
      const names = Object.keys(from ?? {})
      const name = names[random.int(names.length + 1)]
      if (name !== undefined) members[Array.isArray(branch) ? key : name] = structuredClone(from![name]!)
      break
    }
    case 2:
      if (Array.isArray(branch)) for (let n = random.int(20); n >= 0; n--) branch.push(value)
      break
    case 3:
      members[key] = VALUES[random.int(VALUES.length)]!
      break
    default:
      members[key] = spoilLeaf(value, random)
  }
}

function spoilLeaf(value: Json, random: Random): Json {
  if (typeof value === 'number') return value + random.int(9) - 4
  if (typeof value !== 'string') return value
  const bytes = new TextEncoder().encode(value)
  const mutator = new Mutator({
    random,
    words: ['=', '/', '..', ':', ' '].map(latin1),
    maxLength: MAX_STRING,
  })
  return new TextDecoder().decode(mutator.spoil(bytes, bytes))
}
