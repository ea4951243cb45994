/** Why datagrams and messages are dropped. Dropping is silent on the wire, so it is counted here. */

import { LazyMap } from '../../protocol/lazy-map.ts'

/** In the order of the checks (docs/dht.md). */
export const DROP_REASONS = {
  length: 'shorter or longer than any message',
  frame: 'does not start as a message of this network does',
  source: 'from port 0, or from an address that cannot be a node',
  rate: 'above the rate limit of its source, or of this node',
  key: 'a frame under another key than ours',
  'salt-rate': 'one new sender too many at once, in a network with a key',
  tag: 'a frame that was changed, made without the key, or meant for another node',
  skew: 'a frame of another time than ours, or the word that ours is wrong',
  replay: 'a frame that came before',
  charset: 'bytes, nesting or numbers that no message has',
  json: 'not JSON',
  keys: 'too many keys, a repeated or a forbidden one',
  version: 'another major version',
  net: 'another network',
  type: 'an unknown type of message',
  field: 'a field is missing, of the wrong type or out of range',
  blob: 'packed bytes of the wrong length, or not canonical',
  'first-contact': 'a frame for nobody in particular that asks for more than who is here',
  reflection: 'carries our own id, or our own salt',
  transaction: 'answers nothing that was asked',
  'wrong-source': 'answers from another endpoint than was asked',
  'wrong-answer': 'a type of reply that does not fit the request',
  'wrong-id': 'answers with another id than was asked for',
  'read-only': 'a request to a node that answers none',
  'announce-rate': 'more announces than one source may send',
  'error-rate': 'a request to be refused, by a source that was told so a moment ago',
} as const

export type DropReason = keyof typeof DROP_REASONS

export class DropCounters {
  readonly #counts = new LazyMap<DropReason, number>()

  count(reason: DropReason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  of(reason: DropReason): number {
    return this.#counts.get(reason) ?? 0
  }

  /** Reasons that never occurred are left out. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
