/** Who we are: an id that follows from our address, and so another one when the address turns out to be another. */
import { compactEndpoint, scopeOf, type Endpoint } from '../protocol/endpoint.ts'
import { ID_LENGTH, type NodeId } from '../protocol/ids.ts'
import type { Millis, Random } from '../protocol/ports.ts'
import { ExternalAddress } from './external-address.ts'
import type { IdRule } from './id-rule.ts'

export interface IdentityOptions {
  readonly rule: IdRule
  readonly random: Random
  /** Our address for all we know; its host may be unspecified. */
  readonly presumed: Endpoint
  /** To begin with, whatever address we have. */
  readonly id?: NodeId | undefined
  /** Who we were, and where others saw us then. */
  readonly saved?: { readonly id: NodeId; readonly external: readonly Endpoint[] } | undefined
  /** Others agree on an address of ours that is new to us. @param isNewId whether the id had to change */
  readonly onAddress: (address: Endpoint, isNewId: boolean) => void
}

export class Identity {
  /** One array for good; its bytes change. */
  readonly id = new Uint8Array(ID_LENGTH) as NodeId
  readonly #rule: IdRule
  readonly #random: Random
  readonly #external: ExternalAddress

  constructor({ rule, random, presumed, id, saved, onAddress }: IdentityOptions) {
    this.#rule = rule
    this.#random = random
    this.#external = new ExternalAddress((address) => onAddress(address, this.#moveTo(address)))
    // Behind a NAT, what we presume is wrong, and what others saw is probably right still.
    const translated = saved?.external.filter(({ host }) => host !== presumed.host) ?? []
    const isUnknown = scopeOf(presumed.host) === 'bogus'
    const known =
      id ??
      (saved && (isUnknown || this.#fitsAny(saved.id, [presumed, ...translated])) ? saved.id : undefined)
    if (known !== undefined) this.id.set(known)
    else if (isUnknown) random.fill(this.id)
    else this.#bindTo(presumed)
  }

  /** Where others see us; nothing while they have not agreed. */
  get external(): readonly Endpoint[] {
    const { current } = this.#external
    return current === undefined || current.port === 0 ? [] : [current]
  }

  /** As {@link ExternalAddress.onVote}. */
  onSeen(voter: Endpoint, ip: Uint8Array, now: Millis): void {
    this.#external.onVote(voter, ip, now)
  }

  #fitsAny(id: NodeId, addresses: readonly Endpoint[]): boolean {
    return addresses.some((address) => this.#rule.fits(contactOf(id, address)))
  }

  /** @returns whether the id had to change */
  #moveTo(address: Endpoint): boolean {
    // At another port for everybody, no id fits them all.
    if (address.port === 0 || this.#fitsAny(this.id, [address])) return false
    this.#bindTo(address)
    return true
  }

  #bindTo(address: Endpoint): void {
    const contact = contactOf(this.id, address)
    this.#rule.bind(contact, this.#random)
    this.id.set(contact.subarray(0, ID_LENGTH))
  }
}

function contactOf(id: NodeId, address: Endpoint): Uint8Array {
  const endpoint = compactEndpoint(address)
  const contact = new Uint8Array(ID_LENGTH + endpoint.length)
  contact.set(id)
  contact.set(endpoint, ID_LENGTH)
  return contact
}
