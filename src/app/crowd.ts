/**
 * Who comes from which address. A place is anybody's while there is one; when all are taken, those of the address that holds
 * most make room for others. So many machines behind one address may use everything, and one attacker locks nobody out.
 */

/** Groups of an IPv6 address that are one network, which one subscriber has as a whole. */
const IPV6_NETWORK_GROUPS = 4

export class Crowd<Member> {
  readonly #at = new Map<string, Set<Member>>()

  /** @param host an IP address in canonical form */
  add(host: string, member: Member): void {
    const network = networkOf(host)
    const members = this.#at.get(network)
    if (members) members.add(member)
    else this.#at.set(network, new Set([member]))
  }

  remove(host: string, member: Member): void {
    const network = networkOf(host)
    const members = this.#at.get(network)
    if (members?.delete(member) && members.size === 0) this.#at.delete(network)
  }

  /** How many there are from where this address is. */
  countAt(host: string): number {
    return this.#at.get(networkOf(host))?.size ?? 0
  }

  /** Those of the address that has most, in the order in which they came. */
  get largest(): ReadonlySet<Member> {
    let largest: ReadonlySet<Member> = new Set()
    for (const members of this.#at.values()) if (members.size > largest.size) largest = members
    return largest
  }
}

/** An IPv4 address, or the /64 of an IPv6 address. */
function networkOf(host: string): string {
  if (!host.includes(':')) return host
  const [head = '', tail] = host.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const last = tail === '' ? [] : tail.split(':')
    while (groups.length + last.length < 8) groups.push('0')
  }
  return groups.slice(0, IPV6_NETWORK_GROUPS).join(':')
}
