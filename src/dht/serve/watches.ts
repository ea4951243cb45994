/** Who wants to hear of announces to this very node. */
import type { Endpoint } from '../../protocol/endpoint.ts'
import { toHex, type InfoHash } from '../../protocol/ids.ts'
import { LazyMap } from '../../protocol/lazy-map.ts'
import type { Cancel } from '../../protocol/ports.ts'
import type { OnPeers } from '../service.ts'

export class Watches {
  readonly #watchers = new LazyMap<string, Set<OnPeers>>()

  add(infoHash: InfoHash, onPeers: OnPeers): Cancel {
    const key = toHex(infoHash)
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers.add(onPeers))
    return () => {
      if (watchers.delete(onPeers) && watchers.size === 0) this.#watchers.delete(key)
    }
  }

  onStored(infoHash: InfoHash, peer: Endpoint): void {
    if (this.#watchers.size === 0) return
    for (const onPeers of this.#watchers.get(toHex(infoHash)) ?? []) onPeers([peer])
  }

  close(): void {
    this.#watchers.clear()
  }
}
