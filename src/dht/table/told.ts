/** What a reply tells us of others, and how much of it we believe: nothing that could not be reached from its teller. */
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

/** On public addresses, ports below belong to other services: we are not to be sent at them. */
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
 * @param table of those only for whom it has room: to see that of an id costs a tenth of what a contact does
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
