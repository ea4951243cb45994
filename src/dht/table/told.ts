/** What a reply says about others, and how much of it we accept: no address in a narrower network than the replier's. */
import {
  COMPACT_LENGTH,
  mayTell,
  scopeOf,
  unpackEndpoint,
  type Endpoint,
  type Scope,
} from '../../protocol/endpoint.ts'
import type { Contact, ContactBook } from './contact.ts'
import { CONTACT_LENGTH, type PeersMessage } from '../wire/messages.ts'
import type { RoutingTable } from './routing-table.ts'

/** On public addresses, lower ports belong to other services, which we must not be made to contact. */
const MIN_PUBLIC_PORT = 1_024

export interface Self {
  /** Whether a contact has our own id, or lives where we do. */
  isSelf(contact: Contact): boolean
}

export interface Teller {
  readonly scope: Scope
  readonly book: ContactBook
  readonly self: Self
}

/** Whether a node may live there. */
export function isNodePort(port: number, scope: Scope): boolean {
  return port >= (scope === 'public' ? MIN_PUBLIC_PORT : 1)
}

/**
 * Visits the contacts of `message`; whoever keeps one retains it.
 *
 * @param table visits only contacts for which it has room: checking an id takes a tenth of the time of making a contact
 */
export function forEachToldContact(
  message: PeersMessage,
  { scope, book, self }: Teller,
  visit: (contact: Contact) => void,
  table?: Pick<RoutingTable, 'hasRoomAt'>,
): void {
  const list = book.family === 4 ? message.nodes : message.nodes6
  if (list === undefined) return
  const stride = CONTACT_LENGTH[book.family]
  for (let at = 0; at < list.length; at += stride) {
    if (table?.hasRoomAt(list, at) === false) continue
    const port = (list[at + stride - 2]! << 8) | list[at + stride - 1]!
    const contact = book.internPacked(list, at)
    const told = book.scope(contact)
    if (mayTell(scope, told) && isNodePort(port, told) && !self.isSelf(contact)) visit(contact)
    book.release(contact)
  }
}

/** The peers of `message` that may be dialled. */
export function toldPeers(message: PeersMessage, { scope, book }: Teller): Endpoint[] {
  const list = book.family === 4 ? message.peers : message.peers6
  const peers: Endpoint[] = []
  if (list === undefined) return peers
  for (let at = 0; at < list.length; at += COMPACT_LENGTH[book.family]) {
    const peer = unpackEndpoint(list, at, book.family)
    if (peer.port !== 0 && mayTell(scope, scopeOf(peer.host))) peers.push(peer)
  }
  return peers
}
