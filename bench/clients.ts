/** All clients that the benchmark knows. */
import type { Client } from './client.ts'
import { aria2 } from './peers/aria2.ts'
import { bitswarm } from './peers/bitswarm.ts'
import { libtorrent, tunedLibtorrent } from './peers/libtorrent.ts'
import { rtorrent } from './peers/rtorrent.ts'
import { transmission } from './peers/transmission.ts'
import { webtorrent } from './peers/webtorrent.ts'
import { hasNamespace } from './namespace.ts'

export const CLIENTS: readonly Client[] = [
  bitswarm,
  aria2,
  rtorrent,
  libtorrent,
  tunedLibtorrent,
  webtorrent,
  transmission,
]

/** The clients that take part, and those that do not, each with the reason. */
export function lookAround(): {
  readonly present: ReadonlyMap<Client, string>
  readonly absent: readonly string[]
} {
  const present = new Map<Client, string>()
  const absent: string[] = []
  for (const client of CLIENTS) {
    const version = client.version()
    if (version === undefined) absent.push(`${client.name} is not installed`)
    else if (!client.hasLoopbackPeers && !hasNamespace())
      absent.push(`${client.name} needs a network of its own, because it knows no peers at 127.0.0.x`)
    else present.set(client, version)
  }
  return { present, absent }
}
