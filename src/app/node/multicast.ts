/** Multicast groups by `dgram`. */
import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { canonicalIp, familyOf, type Endpoint } from '../../protocol/endpoint.ts'
import type { MulticastGroup } from '../../protocol/ports.ts'
import { listenError } from './network-error.ts'
import { plain } from './plain-bytes.ts'

export function joinGroup(group: Endpoint): MulticastGroup {
  const family = familyOf(group.host)
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    reuseAddr: true,
    ipv6Only: family === 6,
  })
  let isClosed = false
  const joined: MulticastGroup = {
    group,
    onDatagram: () => {},
    onFailed: () => {},
    send(data) {
      if (isClosed) return
      const copy = Buffer.from(data)
      for (const address of interfaces(family)) {
        try {
          socket.setMulticastInterface(address)
          socket.send(copy, group.port, group.host)
        } catch {
          // An interface that is gone again: the others get theirs.
        }
      }
    },
    close() {
      if (isClosed) return
      isClosed = true
      socket.close()
    },
  }
  socket.on('error', (error) => joined.onFailed(listenError(error, group.host)))
  socket.on('message', (data, { address, port }) => {
    const host = canonicalIp(address)
    if (!isClosed && host !== undefined) joined.onDatagram(plain(data), { host, port })
  })
  socket.bind(group.port, () => {
    for (const address of interfaces(family)) {
      try {
        socket.addMembership(group.host, address)
      } catch {
        // Not every interface takes multicast.
      }
    }
  })
  return joined
}

function interfaces(family: 4 | 6): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses
      .filter((each) => each.family === `IPv${family}`)
      .map(({ address }) => (family === 4 ? address : `::%${name}`)),
  )
}
