/** A lookup as its tests see it: each node is its distance to the target, in parts of 2^-16 of the space. */
import { Lookup } from '../../../src/dht/lookup/lookup.ts'
import type { LookupEntry } from '../../../src/dht/lookup/lookup-entry.ts'
import { ContactBook, type Contact } from '../../../src/dht/table/contact.ts'
import type { NodeId } from '../../../src/protocol/ids.ts'

const target = new Uint8Array(20)

export interface LookupTraits {
  readonly isCareful?: boolean
  readonly counts?: (contact: Contact) => boolean
  readonly networkSize?: number
  readonly isWary?: boolean
  readonly seeksPeers?: boolean
}

/** By arrow functions, as tests take them apart. */
export interface NumberedLookup {
  readonly walk: Lookup
  readonly book: ContactBook
  readonly hear: (distances: readonly number[], by?: LookupEntry, host?: string) => void
  readonly know: (distance: number, rttMs: number) => void
  /** Asks all that may be asked now. */
  readonly ask: () => LookupEntry[]
  readonly distances: (entries: readonly LookupEntry[]) => number[]
}

export function lookup({
  isCareful = false,
  counts = () => true,
  networkSize = 0,
  isWary = true,
  seeksPeers = false,
}: LookupTraits = {}): NumberedLookup {
  const book = new ContactBook(4)
  const walk = new Lookup({ target, book, isCareful, isWary, seeksPeers, counts, networkSize })
  const contact = (distance: number, host = `10.0.${distance >>> 8}.${distance & 255}`): Contact => {
    const id = new Uint8Array(20) as NodeId
    id[0] = distance >>> 8
    id[1] = distance & 255
    return book.intern(id, { host, port: 20_000 })
  }
  const distanceOf = (entry: LookupEntry): number => {
    const id = book.id(entry.contact)
    return (id[0]! << 8) | id[1]!
  }
  return {
    walk,
    book,
    hear: (distances, by, host) => {
      for (const distance of distances) {
        const one = contact(distance, host)
        if (by === undefined) walk.onKnown(one, 50)
        else walk.onHeard(one, by)
        book.release(one)
      }
    },
    know: (distance, rttMs) => {
      const one = contact(distance)
      walk.onKnown(one, rttMs)
      book.release(one)
    },
    ask: () => {
      const asked: LookupEntry[] = []
      for (let next = walk.next(); next !== undefined; next = walk.next()) {
        walk.onAsked(next)
        asked.push(next)
      }
      return asked
    },
    distances: (entries) => entries.map(distanceOf),
  }
}
