/** Processes that stay in the swarm for the whole soak, and are watched. */
import { fileURLToPath } from 'node:url'
import type { SwarmProcess } from '../../scripts/swarm-process.ts'
import { MIN_RATE } from '../../src/app/setting-forms.ts'
import type { Scratch } from '../support/scratch.ts'
import {
  BOOTSTRAP,
  dhtAddress,
  tcpAddress,
  type NextPlace,
  type Place,
  type SoakSwarm,
  type Torrent,
} from './swarm.ts'

export const IDLE_SEEDS = 100
const IDLE_SEEDS_PROGRAM = fileURLToPath(new URL('idle-seeds.ts', import.meta.url))
/** So many processes of the swarm are for each seeder that stays, and for each leecher that stays as a seeder. */
const PROCESSES_PER_SEEDER = 10
const PATIENCE_MS = 60_000
const FOR_EVER = ['-keep', '-1', '-max-up', '8MiB']

export interface ResidentOptions {
  readonly swarm: SoakSwarm
  readonly scratch: Scratch
  readonly nextPlace: NextPlace
  /** All processes of the swarm. */
  readonly processes: number
  /** How long the soak takes. */
  readonly seconds: number
  /** What most come for. */
  readonly busy: Torrent
  /** What one leecher downloads slowly, all the time. */
  readonly slow: Torrent
}

export class Residents {
  readonly processes: SwarmProcess[] = []
  readonly #options: ResidentOptions
  #seeder: Place = BOOTSTRAP

  /** Starts them one after the other, each when the one before is there. */
  static async start(options: ResidentOptions): Promise<Residents> {
    const residents = new Residents(options)
    await residents.#start()
    return residents
  }

  private constructor(options: ResidentOptions) {
    this.#options = options
  }

  /** One that has what most come for. */
  get seeder(): Place {
    return this.#seeder
  }

  /** The process with {@link IDLE_SEEDS} sessions. */
  get idle(): SwarmProcess {
    return this.processes.at(-1)!
  }

  async #start(): Promise<void> {
    const { swarm, scratch, processes, seconds, busy, slow } = this.#options
    const staying = Math.max(1, Math.round(processes / PROCESSES_PER_SEEDER))
    this.processes.push(swarm.startBootstrap())
    for (let number = 1; number <= staying; number++)
      this.#seeder = await this.#node(`seeder ${number}`, 'complete', ['-seed', busy.path])
    await this.#node('slow seeder', 'complete', ['-seed', slow.path])
    for (let number = 1; number <= staying; number++)
      await this.#node(`finished leecher ${number}`, 'complete', [
        ...['-get', busy.source, '-dest', scratch.freshFolder(), '-peer', tcpAddress(this.#seeder)],
      ])
    // It takes longer than the soak.
    const rate = Math.max(MIN_RATE, Math.floor(slow.length / (1.2 * seconds)))
    await this.#node('slow leecher', 'listen', [
      ...['-get', slow.source, '-dest', scratch.freshFolder(), '-max-down', String(rate)],
    ])
    await this.#stay('complete', (at) =>
      swarm.start(
        'idle seeds',
        [scratch.freshFolder(), String(IDLE_SEEDS), tcpAddress(at), dhtAddress(at), dhtAddress(BOOTSTRAP)],
        IDLE_SEEDS_PROGRAM,
      ),
    )
  }

  /** @param event says that it is there */
  #node(name: string, event: string, words: readonly string[]): Promise<Place> {
    return this.#stay(event, (at) => this.#options.swarm.startNode(name, at, [...words, ...FOR_EVER]))
  }

  async #stay(event: string, start: (at: Place) => SwarmProcess): Promise<Place> {
    const at = this.#options.nextPlace()
    const resident = start(at)
    this.processes.push(resident)
    await resident.waitFor(event, PATIENCE_MS)
    return at
  }
}
