/**
 * A node's saved state as JSON lines: a header, a line for each contact and for each bootstrap address that answered, and a
 * checksum over all of it. It contains no secrets. A damaged file is not used at all.
 */
import * as z from 'zod'
import { encodeBase64Url } from '../../protocol/base64.ts'
import {
  canonicalIp,
  familyOf,
  formatEndpoint,
  parseHostPort,
  scopeOf,
  type Endpoint,
  type Family,
} from '../../protocol/endpoint.ts'
import { fromHex, toHex, type NodeId } from '../../protocol/ids.ts'
import { sipHash128, SIPHASH_KEY_LENGTH } from '../serve/siphash.ts'

/** Bytes of a saved routing table; a longer file is not read. */
export const MAX_SAVED_TABLE_BYTES = 64 * 1024
/** Contacts that are saved: those known for longest. */
export const MAX_SAVED_CONTACTS = 256
/** Bootstrap addresses that are saved. */
export const MAX_SAVED_SEEDS = 64
/** Endpoints at which others saw us in the last run. */
const MAX_SAVED_EXTERNAL = 4

const FORMAT = 'bitswarm-dht-table'
const VERSION = 1

export interface SavedContact {
  readonly id: NodeId
  readonly endpoint: Endpoint
  /** Since when it has been known, in Unix seconds. */
  readonly since: number
}

export interface SavedTable {
  readonly family: Family
  readonly id: NodeId
  /** Unix seconds. */
  readonly savedAt: number
  /** Where others saw us. */
  readonly external: readonly Endpoint[]
  /** Longest known first. */
  readonly contacts: readonly SavedContact[]
  readonly seeds: readonly Endpoint[]
}

const hexId = z
  .string()
  .regex(/^[0-9a-f]{40}$/)
  .transform((text) => fromHex(text) as NodeId)
const unixSeconds = z
  .int()
  .min(0)
  .max(2 ** 40)
const endpoint = z.string().transform((text, context): Endpoint => {
  const read = readEndpoint(text)
  if (read !== undefined) return read
  context.addIssue({ code: 'custom', message: 'no endpoint' })
  return z.NEVER
})

const HEAD = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  family: z.literal([4, 6]),
  id: hexId,
  savedAt: unixSeconds,
  external: z.array(endpoint).max(MAX_SAVED_EXTERNAL),
})
const CONTACT = z.strictObject({ contact: hexId, at: endpoint, since: unixSeconds })
const SEED = z.strictObject({ seed: endpoint })
const LINE = z.union([CONTACT, SEED])

/** Takes the first of each list, up to its limit. */
export function encodeSavedTable({ family, id, savedAt, external, contacts, seeds }: SavedTable): Uint8Array {
  const lines: readonly object[] = [
    {
      format: FORMAT,
      version: VERSION,
      family,
      id: toHex(id),
      savedAt,
      external: external.slice(0, MAX_SAVED_EXTERNAL).map(formatEndpoint),
    },
    ...contacts.slice(0, MAX_SAVED_CONTACTS).map(({ id: contact, endpoint: at, since }) => ({
      contact: toHex(contact),
      at: formatEndpoint(at),
      since,
    })),
    ...seeds.slice(0, MAX_SAVED_SEEDS).map((seed) => ({ seed: formatEndpoint(seed) })),
  ]
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  return new TextEncoder().encode(`${body}${checksumLine(new TextEncoder().encode(body))}`)
}

/** @returns why it is refused, in words, unless every line is as it was written for a node of this family */
export function decodeSavedTable(bytes: Uint8Array, family: Family): SavedTable | string {
  if (bytes.length > MAX_SAVED_TABLE_BYTES) return 'it is longer than any saved table'
  const bodyEnd = bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1
  const body = bytes.subarray(0, bodyEnd)
  const decoder = new TextDecoder()
  const [first = '', ...rest] = decoder.decode(body).split('\n').slice(0, -1)
  const head = HEAD.safeParse(parseJson(first))
  // Told apart, as only one of them is worth a look at the disk.
  if (!head.success) return 'it is not a routing table of this version'
  if (decoder.decode(bytes.subarray(bodyEnd)) !== checksumLine(body)) return 'its checksum is wrong'
  if (head.data.family !== family) return 'it is of the other address family'

  const { id, savedAt, external } = head.data
  const contacts: SavedContact[] = []
  const seeds: Endpoint[] = []
  for (const line of rest) {
    // One after the other: thousands of useless lines would cost an exception each.
    const { data } = LINE.safeParse(parseJson(line))
    if (data === undefined) return 'it has a line that says nothing'
    const at = 'seed' in data ? data.seed : data.at
    if (familyOf(at.host) !== family) return 'it has an address of the other family'
    if ('seed' in data) seeds.push(data.seed)
    else contacts.push({ id: data.contact, endpoint: data.at, since: data.since })
  }
  if (contacts.length > MAX_SAVED_CONTACTS || seeds.length > MAX_SAVED_SEEDS) return 'it has too many lines'
  return { family, id, savedAt, external, contacts, seeds }
}

const NEWLINE = 0x0a

/** Protects against torn files and bad disks, not against anybody who may write the file: its key is known. */
function checksumLine(body: Uint8Array): string {
  return `${JSON.stringify({ checksum: encodeBase64Url(sipHash128(new Uint8Array(SIPHASH_KEY_LENGTH), body)) })}\n`
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Only what a node can have: a valid address in its canonical form, and a port. */
function readEndpoint(text: string): Endpoint | undefined {
  let read: Endpoint
  try {
    read = parseHostPort(text, '')
  } catch {
    return undefined
  }
  const isWritten = canonicalIp(read.host) !== undefined && formatEndpoint(read) === text
  return isWritten && read.port > 0 && scopeOf(read.host) !== 'bogus' ? read : undefined
}
