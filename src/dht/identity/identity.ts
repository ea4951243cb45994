/** Who we are: an id that follows from our address, and so another one when the address turns out to be another. */
import { compactEndpoint, familyOf, sameEndpoint, scopeOf, type Endpoint } from '../../protocol/endpoint.ts'
import { ID_LENGTH, type NodeId } from '../../protocol/ids.ts'
import type { Millis, Random } from '../../protocol/ports.ts'
import { ExternalAddress, type AddressObserver } from './external-address.ts'
import type { IdRule } from './id-rule.ts'

export interface AgreedAddress {
  /** The port is 0 when they see several. */
  readonly address: Endpoint
  readonly isNewId: boolean
  /** What we announced under the one before is not true any more. */
  readonly hasMoved: boolean
  /** It is none of this machine's: a router translates. */
  readonly isTranslated: boolean
}

export interface IdentityOptions {
  readonly rule: IdRule
  readonly random: Random
  /** Where our socket is bound; the host may be unspecified. */
  readonly local: Endpoint
  /** Those of this machine's interfaces, if known. */
  readonly addresses: readonly string[]
  /** To begin with, whatever address we have. */
  readonly id?: NodeId | undefined
  /** Who we were, and where others saw us then. */
  readonly saved?: { readonly id: NodeId; readonly external: readonly Endpoint[] } | undefined
  /** Others agree on an address of ours that is new to us. */
  readonly onAddress: (agreed: AgreedAddress) => void
}

export class Identity implements AddressObserver {
  /** One array for good; its bytes change. */
  readonly id = newId()
  readonly #rule: IdRule
  readonly #random: Random
  readonly #local: Endpoint
  readonly #addresses: readonly string[]
  readonly #onAddress: (agreed: AgreedAddress) => void
  readonly #external = new ExternalAddress(this)

  constructor({ rule, random, local, addresses, id, saved, onAddress }: IdentityOptions) {
    const presumed = presumedAddress(local, addresses)
    this.#rule = rule
    this.#local = local
    this.#random = random
    this.#addresses = addresses
    this.#onAddress = onAddress
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

  /** Whether we live there, for all we know. */
  isAt(endpoint: Endpoint): boolean {
    const { current } = this.#external
    return sameEndpoint(endpoint, this.#local) || (current !== undefined && sameEndpoint(endpoint, current))
  }

  /** As {@link AddressObserver.onAgreed}: for the votes only. */
  onAgreed(address: Endpoint, before: Endpoint | undefined): void {
    const isNewId = this.#moveTo(address)
    const hasMoved = isNewId || (before !== undefined && before.host !== address.host)
    const { host } = this.#local
    const own = scopeOf(host) === 'bogus' ? this.#addresses : [host]
    const isTranslated = own.length > 0 && !own.includes(address.host)
    this.#onAddress({ address, isNewId, hasMoved, isTranslated })
  }

  /** As {@link ExternalAddress.onVote}. */
  onSeen(voter: Endpoint, ip: Endpoint, now: Millis): void {
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

const IDS_TOGETHER = 256
let unused = new Uint8Array(0)

/** The ids of a process lie side by side: a separate array takes 240 bytes, a part of a shared one 104. */
function newId(): NodeId {
  if (unused.length === 0) unused = new Uint8Array(IDS_TOGETHER * ID_LENGTH)
  const id = unused.subarray(0, ID_LENGTH) as NodeId
  unused = unused.subarray(ID_LENGTH)
  return id
}

/** Where others will probably see us: the address of our one interface, when the socket is bound to all. */
function presumedAddress(local: Endpoint, addresses: readonly string[]): Endpoint {
  if (scopeOf(local.host) !== 'bogus') return local
  const candidates = addresses.filter(
    (host) => familyOf(host) === familyOf(local.host) && ['private', 'public'].includes(scopeOf(host)),
  )
  return candidates.length === 1 ? { host: candidates[0]!, port: local.port } : local
}

function contactOf(id: NodeId, address: Endpoint): Uint8Array {
  const endpoint = compactEndpoint(address)
  const contact = new Uint8Array(ID_LENGTH + endpoint.length)
  contact.set(id)
  contact.set(endpoint, ID_LENGTH)
  return contact
}
