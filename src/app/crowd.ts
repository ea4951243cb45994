/**
 * Counts places by address. Anybody may have a free place; when all are taken, the address that holds most makes room for
 * others. So many machines behind one address may use everything, but one attacker locks nobody out.
 */
import { networkOf } from '../protocol/endpoint.ts'

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

  /** How many come from this address. */
  countAt(host: string): number {
    return this.#at.get(networkOf(host))?.size ?? 0
  }

  /** Those of the address that holds most, in the order in which they came. */
  get largest(): ReadonlySet<Member> {
    let largest: ReadonlySet<Member> = new Set()
    for (const members of this.#at.values()) if (members.size > largest.size) largest = members
    return largest
  }
}
