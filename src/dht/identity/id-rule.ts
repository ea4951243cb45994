/**
 * Which ids a node may have: those derived from its address, so that nobody can choose a place in the id space to lie in
 * wait for a torrent. An address has eight ids, which differ in the low bits of the last byte.
 *
 * A node that breaks the rule is served like any other, but is named to nobody, stores nothing for us and ends no walk.
 */
import { scopeOf, unpackHost, type Family } from '../../protocol/endpoint.ts'
import { ID_LENGTH } from '../../protocol/ids.ts'
import type { Hashes, Random } from '../../protocol/ports.ts'
import { crc32c } from './crc32c.ts'

/** Works on packed contacts: an id, an address of 4 or 16 bytes, a port. */
export interface IdRule {
  fits(contact: Uint8Array): boolean
  /** Writes one of the fitting ids in front of the address. */
  bind(contact: Uint8Array, random: Random): void
}

/** Low bits of an id's last byte that the node may choose. */
const CHOICES = 0b111
const LAST = ID_LENGTH - 1
const PORT_BYTES = 2

/** Any id. */
export const FREE_IDS: IdRule = {
  fits: () => true,
  bind: (contact, random) => void random.fill(contact.subarray(0, ID_LENGTH)),
}

/** The bits of an address that count (BEP 42): the owner of a small network can vary only few of them. */
const MASKS: Readonly<Record<Family, readonly number[]>> = {
  4: [0x03, 0x0f, 0x3f, 0xff],
  6: [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff],
}
/** Of an id's first three bytes, the 21 bits that BEP 42 decides about. */
const PREFIX_MASK = 0xfffff800

/** BEP 42: the first 21 bits are a checksum of the address. */
export const CHECKSUM_IDS: IdRule = {
  fits: (contact) => ((prefixOf(contact) ^ checksum(contact)) & PREFIX_MASK) === 0,
  bind: (contact, random) => {
    random.fill(contact.subarray(0, ID_LENGTH))
    const prefix = checksum(contact)
    contact[0] = prefix >>> 24
    contact[1] = prefix >>> 16
    contact[2] = ((prefix >>> 8) & 0xf8) | (contact[2]! & 0x07)
  },
}

function prefixOf(id: Uint8Array): number {
  return (id[0]! << 24) | (id[1]! << 16) | (id[2]! << 8)
}

function checksum(contact: Uint8Array): number {
  const mask = MASKS[familyOf(contact)]
  const masked = Uint8Array.from(mask, (bits, at) => contact[ID_LENGTH + at]! & bits)
  masked[0]! |= (contact[LAST]! & CHOICES) << 5
  return crc32c(masked)
}

/**
 * All but three bits of the id are a hash of network, address and port: for networks with few addresses, where 21 bits of a
 * checksum are too few, and where many nodes share an address.
 *
 * @param net the network id, or nothing: in another network the same address has another id
 */
export function hashedIds(sha256: Hashes['sha256'], net = ''): IdRule {
  const network = sha256(new TextEncoder().encode(net))
  /** @returns the hash that goes with the choice in the id's last byte */
  const digest = (contact: Uint8Array): Uint8Array => {
    const endpoint = contact.subarray(ID_LENGTH)
    const said = new Uint8Array(network.length + endpoint.length + 1)
    said.set(network)
    said.set(endpoint, network.length)
    said[said.length - 1] = contact[LAST]! & CHOICES
    return sha256(said)
  }
  return {
    fits: (contact) => {
      const due = digest(contact)
      for (let at = 0; at < LAST; at++) if (contact[at] !== due[at]) return false
      return ((contact[LAST]! ^ due[LAST]!) & ~CHOICES) === 0
    },
    bind: (contact, random) => {
      contact[LAST] = random.int(CHOICES + 1)
      const due = digest(contact)
      contact.set(due.subarray(0, LAST))
      contact[LAST] = (due[LAST]! & ~CHOICES) | (contact[LAST] & CHOICES)
    },
  }
}

/** For an open network: checksums on public addresses, hashes on private ones and within one machine. */
export function idsByScope(local: IdRule): IdRule {
  const ruleFor = (contact: Uint8Array): IdRule =>
    scopeOf(unpackHost(contact, ID_LENGTH, familyOf(contact))) === 'public' ? CHECKSUM_IDS : local
  return {
    fits: (contact) => ruleFor(contact).fits(contact),
    bind: (contact, random) => ruleFor(contact).bind(contact, random),
  }
}

function familyOf(contact: Uint8Array): Family {
  return contact.length === ID_LENGTH + 4 + PORT_BYTES ? 4 : 6
}
