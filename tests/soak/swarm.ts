/** The torrents of the soak, and the words that make a process one of its nodes. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostAddress } from '../../bench/namespace.ts'
import { writeRandomFile, sha256 } from '../../scripts/payload.ts'
import { FROM_DIST, SwarmProcess } from '../../scripts/swarm-process.ts'
import { createMetainfo, encodeBit } from '../../src/app/library.ts'
import type { Tally } from './tally.ts'

const TCP_PORT = 20_001
const DHT_PORT = 10_000

export interface Torrent {
  readonly path: string
  /** Path of the metainfo file. */
  readonly source: string
  readonly name: string
  readonly length: number
  /** SHA-256, hex. */
  readonly digest: string
}

export async function makeTorrent(folder: string, name: string, length: number): Promise<Torrent> {
  const path = join(folder, name)
  await writeRandomFile(path, length)
  const source = `${path}.bit`
  writeFileSync(source, encodeBit(await createMetainfo(path)))
  return { path, source, name, length, digest: await sha256(path) }
}

/** Each node has a host, as on a network; whoever takes its place gets its addresses. */
export interface Place {
  readonly number: number
  /** Of several at the same host. */
  readonly port?: number
}

/** Each call gives a place that nobody has. */
export type NextPlace = () => Place

export function tcpAddress({ number, port = 0 }: Place): string {
  return `${hostAddress(number)}:${TCP_PORT + port}`
}

export function dhtAddress({ number }: Place): string {
  return `${hostAddress(number)}:${DHT_PORT}`
}

export const BOOTSTRAP: Place = { number: 0 }

export class SoakSwarm {
  readonly #tally: Tally

  constructor(tally: Tally) {
    this.#tally = tally
  }

  startBootstrap(): SwarmProcess {
    return this.start('bootstrap', ['-dht-listen', dhtAddress(BOOTSTRAP), '-no-lan', '-quiet'])
  }

  startNode(name: string, place: Place, words: readonly string[]): SwarmProcess {
    const network = ['-tcp-listen', tcpAddress(place), '-dht-listen', dhtAddress(place)]
    return this.start(name, [...words, ...network, '-bootstrap', dhtAddress(BOOTSTRAP), '-no-lan', '-quiet'])
  }

  start(name: string, words: readonly string[], command: string = FROM_DIST): SwarmProcess {
    const process = new SwarmProcess(words, { name, command, isForgetful: true })
    this.#tally.follow(process)
    return process
  }
}
