/** Which of the peers that the user named are there. Events contain addresses; the user knows a peer by the name given. */

interface Named {
  /** As the user wrote it. */
  readonly name: string
  /** What it stands for now: itself, unless it is the name of a host. */
  addresses: readonly string[]
  /** Those of them where nobody has answered since it was last there. */
  readonly silent: Set<string>
  /** The address where it is connected. */
  at: string | undefined
}

export class NamedPeers {
  readonly #peers: readonly Named[]

  /** @param names `host:port` */
  constructor(names: readonly string[]) {
    this.#peers = names.map((name) => ({ name, addresses: [name], silent: new Set(), at: undefined }))
  }

  onResolved(name: string, addresses: readonly string[]): void {
    for (const peer of this.#peers) {
      if (peer.name !== name) continue
      peer.addresses = addresses
      peer.silent.clear()
    }
  }

  /**
   * Nobody answers at an address, or a name has none.
   *
   * @returns the names of peers that answer at none of their addresses
   */
  onFailed(address: string): readonly string[] {
    const concerned = this.#peers.filter((peer) => peer.name === address || peer.addresses.includes(address))
    for (const { silent } of concerned) silent.add(address)
    return concerned
      .filter((peer) => peer.at === undefined && isSilent(peer, address))
      .map(({ name }) => name)
  }

  /** @returns who is there now, by name */
  onJoined(address: string): readonly string[] {
    const here = this.#peers.filter(({ addresses }) => addresses.includes(address))
    for (const peer of here) peer.at = address
    return here.map(({ name }) => name)
  }

  onLeft(address: string): void {
    for (const peer of this.#peers) {
      if (peer.at !== address) continue
      peer.at = undefined
      peer.silent.clear()
    }
  }
}

function isSilent({ name, addresses, silent }: Named, address: string): boolean {
  return name === address || addresses.every((each) => silent.has(each))
}
