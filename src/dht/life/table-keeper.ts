/** Saves a node's state soon after it knows somebody, every few minutes, and at the end. */
import { formatEndpoint, type Endpoint, type Family } from '../../protocol/endpoint.ts'
import { StorageError } from '../../protocol/errors.ts'
import { toHex, type NodeId } from '../../protocol/ids.ts'
import type { Cancel, Clock, Emit, Millis } from '../../protocol/ports.ts'
import type { DhtEvent } from '../events.ts'
import {
  decodeSavedTable,
  encodeSavedTable,
  MAX_SAVED_CONTACTS,
  MAX_SAVED_SEEDS,
  type SavedTable,
} from './saved-table.ts'
import type { StateStore } from './state-store.ts'

/** After the first contact, so that a process that dies early does not lose everything. */
const FIRST_SAVE: Millis = 5_000
const SAVE_INTERVAL: Millis = 5 * 60_000

/** What there is to remember now. */
export interface Memory {
  readonly id: NodeId
  readonly external: readonly Endpoint[]
  readonly contacts: readonly { readonly id: NodeId; readonly endpoint: Endpoint }[]
  readonly seeds: readonly Endpoint[]
}

export interface TableKeeperOptions {
  readonly family: Family
  readonly store: StateStore
  /** Read before, by {@link loadTable}. */
  readonly saved: SavedTable | undefined
  readonly clock: Clock
  readonly emit: Emit<DhtEvent>
  readonly recall: () => Memory
}

/** What an earlier process left; if anything is wrong with it, that is reported, and the node starts afresh. */
export function loadTable(store: StateStore, family: Family, emit: Emit<DhtEvent>): SavedTable | undefined {
  const { saved } = store
  if (saved === undefined) return undefined
  const table = saved instanceof StorageError ? saved.message : decodeSavedTable(saved, family)
  if (typeof table !== 'string') return table
  emit({ event: 'dht_table_failed', family, operation: 'load', reason: table })
  return undefined
}

export class TableKeeper {
  readonly #options: TableKeeperOptions
  /** Since when each contact has been known, in Unix seconds; by id and endpoint. */
  #since: ReadonlyMap<string, number>
  #timer: Cancel | undefined
  #isSaving = false
  #afterSave: (() => void) | undefined

  constructor(options: TableKeeperOptions) {
    this.#options = options
    this.#since = new Map(options.saved?.contacts.map((contact) => [keyOf(contact), contact.since]))
  }

  /** There is something to remember. */
  onContact(): void {
    this.#timer ??= this.#options.clock.after(FIRST_SAVE, () => this.#saveNowAndThen())
  }

  /** Saves for the last time, then leaves the store to others. */
  close(onClosed: () => void): void {
    const { store } = this.#options
    this.#timer?.()
    const last = (): void => this.#save(() => store.close(onClosed))
    if (this.#isSaving) this.#afterSave = last
    else last()
  }

  #saveNowAndThen(): void {
    this.#timer = this.#options.clock.after(SAVE_INTERVAL, () => this.#saveNowAndThen())
    // A disk that takes minutes for one save gets no second one.
    if (!this.#isSaving) this.#save(() => undefined)
  }

  #save(done: () => void): void {
    const { family, store, emit } = this.#options
    const table = this.#recall()
    const bytes = encodeSavedTable(table)
    this.#isSaving = true
    store.save(bytes, (error) => {
      this.#isSaving = false
      const contacts = table.contacts.length
      emit(
        error === undefined
          ? { event: 'dht_table_saved', family, contacts, seeds: table.seeds.length, bytes: bytes.length }
          : { event: 'dht_table_failed', family, operation: 'save', reason: error.message },
      )
      done()
      const next = this.#afterSave
      this.#afterSave = undefined
      next?.()
    })
  }

  #recall(): SavedTable {
    const { family, clock, recall } = this.#options
    const { id, external, contacts, seeds } = recall()
    const savedAt = Math.floor(clock.wallNow() / 1_000)
    const aged = contacts.map((contact) => ({
      ...contact,
      since: this.#since.get(keyOf(contact)) ?? savedAt,
    }))
    this.#since = new Map(aged.map((contact) => [keyOf(contact), contact.since]))
    return {
      family,
      id,
      savedAt,
      external,
      // A contact that has been there for long will be there for long.
      contacts: aged.sort((a, b) => a.since - b.since).slice(0, MAX_SAVED_CONTACTS),
      seeds: seeds.slice(0, MAX_SAVED_SEEDS),
    }
  }
}

function keyOf({ id, endpoint }: { readonly id: NodeId; readonly endpoint: Endpoint }): string {
  return `${toHex(id)}@${formatEndpoint(endpoint)}`
}
