/** What an hour does to a saved routing table. */
import { decodeSavedTable, encodeSavedTable } from '../../../dht/life/saved-table.ts'
import { InvariantError } from '../../../protocol/errors.ts'
import type { NodeId } from '../../../protocol/ids.ts'
import type { SimDht } from '../dht.ts'
import { endpointOf, type NetworkProfile } from './profiles.ts'

/** Where the addresses of those begin who are gone. */
const FIRST_GONE_ADDRESS = 1_500_000

/** With sessions of a median of one hour, one contact of two is gone after an hour: nobody lives at its address. */
export function ageTable(bytes: Uint8Array, sim: SimDht, profile: NetworkProfile): Uint8Array {
  const table = decodeSavedTable(bytes, 4)
  if (typeof table === 'string') throw new InvariantError(`a node saved a table that is none: ${table}`)
  const contacts = table.contacts.map((contact) => {
    if (sim.pick(2) === 0) return contact
    const endpoint = endpointOf(FIRST_GONE_ADDRESS + sim.pick(400_000), profile)
    return { ...contact, endpoint, id: contact.id.slice() as NodeId }
  })
  return encodeSavedTable({ ...table, contacts, savedAt: table.savedAt - 3_600 })
}
