/** A place in the swarm that one short-lived leecher after the other takes. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sha256 } from '../../scripts/payload.ts'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import type { SeededRandom } from '../../src/app/sim/random.ts'
import { tcpAddress, type Place, type SoakSwarm, type Torrent } from './swarm.ts'
import type { Tally } from './tally.ts'

const LONGEST_PAUSE_MS = 4_000
/** A life that was to end by itself and does not is ended by SIGTERM: the machine may be busy. */
const LONGEST_LIFE_MS = 120_000
const LONGEST_LIFE_UNTIL_SIGNAL_MS = 40_000
/** What a node may take to say goodbye, and a little. */
const GOODBYE_MS = 8_000
const LONGEST_KEEP_SECONDS = 20
const EXITS: Readonly<Record<End, readonly number[]>> = {
  itself: [0],
  // 143: a process that has just begun knows no signals yet.
  SIGTERM: [0, 130, 143],
  SIGINT: [0, 130, 143],
  // 0: it has just ended by itself.
  SIGKILL: [0, 137],
}

type End = 'itself' | 'SIGTERM' | 'SIGINT' | 'SIGKILL'
const ENDS: readonly End[] = ['itself', 'itself', 'SIGTERM', 'SIGINT', 'SIGKILL', 'SIGKILL']

export interface ChurnerOptions {
  readonly number: number
  readonly random: SeededRandom
  readonly swarm: SoakSwarm
  readonly tally: Tally
  /** Of this place alone. */
  readonly folder: string
  readonly torrents: readonly Torrent[]
  /** Somebody who is always there. */
  readonly known: Place
}

export class Churner {
  readonly #options: ChurnerOptions
  #life: SwarmProcess | undefined

  constructor(options: ChurnerOptions) {
    this.#options = options
  }

  /** Lives follow one another until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { random, folder } = this.#options
    signal.addEventListener('abort', () => this.#life?.kill())
    for (;;) {
      await delay(random.float() * LONGEST_PAUSE_MS)
      if (signal.aborted) return
      await this.#live(this.#draw(), signal)
      // One in two goes on with what its predecessor left.
      if (random.int(2) === 0) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    }
  }

  #draw(): Plan {
    const { random, torrents } = this.#options
    const mib = (most: number): string => `${1 + random.int(most)}MiB`
    return {
      torrent: random.int(8) === 0 ? torrents[1]! : torrents[0]!,
      port: random.int(2),
      end: ENDS[random.int(ENDS.length)]!,
      afterMs: random.float() * LONGEST_LIFE_UNTIL_SIGNAL_MS,
      isDialling: random.int(3) === 0,
      limits: ['-max-down', mib(8), '-max-up', mib(4)],
      keepSeconds: random.int(LONGEST_KEEP_SECONDS),
    }
  }

  async #live(
    { torrent, port, end, afterMs, isDialling, limits, keepSeconds }: Plan,
    signal: AbortSignal,
  ): Promise<void> {
    const { number, swarm, tally, folder, known } = this.#options
    const life = swarm.startNode(`leecher ${number}`, { number, port }, [
      ...['-get', torrent.source, '-dest', folder, '-state-dir', join(folder, 'state')],
      ...['-keep', String(keepSeconds), ...limits],
      ...(isDialling ? ['-peer', tcpAddress(known)] : []),
    ])
    this.#life = life
    const isOver = await Promise.race([
      life.exited.then(() => true),
      delay(end === 'itself' ? LONGEST_LIFE_MS : afterMs, false, { ref: false }),
    ])
    if (!isOver) await stop(life, end === 'itself' ? 'SIGTERM' : end)
    const code = await life.exited
    if (signal.aborted) return
    const how = isOver ? 'itself' : end === 'itself' ? 'SIGTERM' : end
    tally.onEnd(how)
    if (!EXITS[how].includes(code)) tally.find(`${life.epitaph} after ${how}`)
    if (how === 'itself' && code === 0 && (await sha256(join(folder, torrent.name))) !== torrent.digest)
      tally.find(`${life.name}: the file is not what was sent`)
  }
}

interface Plan {
  readonly torrent: Torrent
  readonly port: number
  readonly end: End
  /** Until the signal. */
  readonly afterMs: number
  /** Told of an address, beside what the DHT says. */
  readonly isDialling: boolean
  readonly limits: readonly string[]
  readonly keepSeconds: number
}

async function stop(life: SwarmProcess, signal: NodeJS.Signals): Promise<void> {
  life.signal(signal)
  const isGone = await Promise.race([life.exited.then(() => true), delay(GOODBYE_MS, false, { ref: false })])
  if (!isGone) life.kill()
}
