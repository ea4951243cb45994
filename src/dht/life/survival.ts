/** Lets a node survive its process: it saves its contacts, and asks them first when it starts again. */
import type { Endpoint, Family } from '../../protocol/endpoint.ts'
import type { NodeId } from '../../protocol/ids.ts'
import type { Clock, Emit, Millis } from '../../protocol/ports.ts'
import type { Contact, ContactBook } from '../table/contact.ts'
import type { DhtEvent } from '../events.ts'
import { K } from '../table/bucket-memory.ts'
import type { Ping } from './ping.ts'
import { RollCall } from './roll-call.ts'
import type { RoutingTable } from '../table/routing-table.ts'
import type { SavedTable } from './saved-table.ts'
import type { StateStore } from './state-store.ts'
import { TableKeeper, type Memory } from './table-keeper.ts'

export interface SurvivalOptions {
  readonly family: Family
  readonly ownId: NodeId
  readonly book: ContactBook
  readonly clock: Clock
  readonly emit: Emit<DhtEvent>
  readonly table: RoutingTable
  readonly store: StateStore
  readonly saved: SavedTable | undefined
  readonly ping: Ping
  /** Where others see us. */
  readonly external: () => readonly Endpoint[]
  /** Bootstrap addresses that have answered. */
  readonly seeds: () => readonly Endpoint[]
  /** Contacts that were good and are silent now. */
  readonly lost: () => readonly Contact[]
  /** Enough saved contacts are still there to find our place through them. */
  readonly onAwake: () => void
}

export class Survival {
  readonly #options: SurvivalOptions
  readonly #keeper: TableKeeper
  #rollCall: RollCall | undefined
  #isWaking = false
  #isAwake = false

  constructor(options: SurvivalOptions) {
    this.#options = options
    const { saved } = options
    this.#keeper = new TableKeeper({ ...options, recall: () => this.#recall() })
    if (saved !== undefined) this.#wake(saved)
  }

  /** Whether so many saved contacts have answered that lookups work. */
  get isAwake(): boolean {
    return this.#isAwake
  }

  /** Whether it is still open how many of them will answer. */
  get isWaking(): boolean {
    return this.#isWaking
  }

  onContactAdded(): void {
    this.#keeper.onContact()
  }

  /** Before the table is cleared. */
  close(onClosed: () => void): void {
    this.#rollCall?.cancel()
    this.#keeper.close(onClosed)
  }

  /** They prove nothing until they answer: the table takes them then. */
  #wake({ contacts, savedAt }: SavedTable): void {
    const { book, clock, ownId, ping, emit, family, onAwake } = this.#options
    const startedAt: Millis = clock.now()
    this.#isWaking = true
    const interned = contacts.map(({ id, endpoint }) => book.intern(id, endpoint))
    this.#rollCall = new RollCall(interned, {
      book,
      clock,
      target: ownId,
      ping,
      onEnough: (answered, asked) => {
        const ms = Math.round(clock.now() - startedAt)
        const ageSeconds = Math.max(0, Math.floor(clock.wallNow() / 1_000) - savedAt)
        emit({
          event: 'dht_table_loaded',
          family,
          contacts: contacts.length,
          asked,
          answered,
          ageSeconds,
          ms,
        })
        this.#isWaking = false
        this.#isAwake = answered >= K
        if (answered > 0) onAwake()
      },
    })
    for (const contact of interned) book.release(contact)
  }

  #recall(): Memory {
    const { book, ownId, table, saved, lost, seeds, external } = this.#options
    const named = (contact: Contact): Memory['contacts'][number] => ({
      id: book.id(contact),
      endpoint: book.endpoint(contact),
    })
    const known = [...table.contacts()].map(named)
    // A node that knows hardly anybody may have been cut off since its start: it keeps the contacts that it had saved before.
    const contacts = table.size < K ? [...known, ...lost().map(named), ...(saved?.contacts ?? [])] : known
    return { id: ownId, external: external(), contacts, seeds: seeds() }
  }
}
