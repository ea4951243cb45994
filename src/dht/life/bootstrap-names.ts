/** Bootstrap addresses as users give them, and the endpoints that they stand for: names change, services have several hosts. */
import { canonicalIp, formatEndpoint, parseHostPort, type Endpoint } from '../../protocol/endpoint.ts'
import { ConfigError } from '../../protocol/errors.ts'
import type { Cancel, Clock, Millis, Resolver, ServiceResolver } from '../../protocol/ports.ts'
import { Reminder } from '../../protocol/reminder.ts'
import { excerpt } from '../../protocol/text.ts'

/** Names are asked for again after this long while there is nobody to talk to. */
const RESOLVE_AGAIN: Millis = 60_000
/** Names and services that are kept; further ones are not taken. */
const MAX_NAMES = 64
/** Hosts taken from one service. */
const MAX_HOSTS_PER_SERVICE = 32
/** Names without an address of which is known how often that was told; a service may name others each time. */
const MAX_UNRESOLVED = 256
/** Characters of a wrong address that an error shows. */
const MAX_QUOTED = 100

/** An endpoint, whose host may be a name; or the name of a service, as `_dht._udp.example.org`. */
export type BootstrapAddress = Endpoint | { readonly service: string }

const SERVICE_PREFIX = 'srv:'

/**
 * Reads `host:port`, `[v6]:port`, `:port` or `srv:_dht._udp.example.org`.
 *
 * @throws {ConfigError} `config.value`
 */
export function parseBootstrapAddress(text: string): BootstrapAddress {
  if (!text.startsWith(SERVICE_PREFIX)) return parseHostPort(text, '127.0.0.1')
  const service = text.slice(SERVICE_PREFIX.length)
  if (!/^_[a-z0-9-]+\._udp(\.[a-z0-9_-]{1,63})+\.?$/i.test(service) || service.length > 253)
    throw new ConfigError(
      'config.value',
      `'${excerpt(text, MAX_QUOTED)}' is not a service: expected something like srv:_dht._udp.example.org`,
    )
  return { service }
}

export interface BootstrapNamesOptions {
  readonly clock: Clock
  readonly resolver: Resolver & ServiceResolver
  /** Whether there is nobody to talk to. */
  readonly isLonely: () => boolean
  /** Of both families; those that were found before are told again. */
  readonly onEndpoints: (endpoints: readonly Endpoint[]) => void
  /**
   * `name` had no address, `tries` times by now; while there is nobody to talk to it is asked for again after `retryMs`. Told at
   * first, and then ever more rarely.
   */
  readonly onUnresolved: (name: string, tries: number, retryMs: Millis) => void
}

export class BootstrapNames {
  readonly #options: BootstrapNamesOptions
  readonly #names = new Map<string, BootstrapAddress>()
  /** Of names without an address, those of the hosts of services, too. */
  readonly #reminders = new Map<string, Reminder>()
  #timer: Cancel | undefined
  #isClosed = false

  constructor(options: BootstrapNamesOptions) {
    this.#options = options
  }

  /** Addresses are told at once, names when they are resolved: now, and again while there is nobody to talk to. */
  add(addresses: readonly BootstrapAddress[]): void {
    const { onEndpoints } = this.#options
    const endpoints: Endpoint[] = []
    for (const address of addresses) {
      if ('host' in address && canonicalIp(address.host) !== undefined) {
        endpoints.push(address)
        continue
      }
      const key = 'service' in address ? address.service : formatEndpoint(address)
      if (this.#names.has(key) || this.#names.size >= MAX_NAMES) continue
      this.#names.set(key, address)
      this.#resolve(address)
    }
    if (endpoints.length > 0) onEndpoints(endpoints)
    if (this.#names.size > 0) this.#timer ??= this.#resolveLater()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.()
  }

  #resolveLater(): Cancel {
    const { clock, isLonely } = this.#options
    return clock.after(RESOLVE_AGAIN, () => {
      if (isLonely()) for (const address of this.#names.values()) this.#resolve(address)
      this.#timer = this.#resolveLater()
    })
  }

  #resolve(address: BootstrapAddress): void {
    if ('host' in address) return this.#resolveHost(address)
    const { resolver } = this.#options
    resolver.resolveService(address.service, (hosts) => {
      this.#onResolved(`${SERVICE_PREFIX}${address.service}`, hosts.length)
      for (const host of hosts.slice(0, MAX_HOSTS_PER_SERVICE)) this.#resolveHost(host)
    })
  }

  #resolveHost({ host, port }: Endpoint): void {
    const { resolver, onEndpoints } = this.#options
    resolver.resolve(host, undefined, (addresses) => {
      this.#onResolved(host, addresses.length)
      if (!this.#isClosed && addresses.length > 0)
        onEndpoints(addresses.map((address) => ({ host: address, port })))
    })
  }

  #onResolved(name: string, found: number): void {
    if (this.#isClosed) return
    if (found > 0) return void this.#reminders.delete(name)
    const tries = this.#reminderOf(name).onFailure()
    if (tries !== undefined) this.#options.onUnresolved(name, tries, RESOLVE_AGAIN)
  }

  #reminderOf(name: string): Reminder {
    const known = this.#reminders.get(name)
    if (known !== undefined) return known
    const reminder = new Reminder(this.#options.clock)
    for (const oldest of this.#reminders.size < MAX_UNRESOLVED ? [] : this.#reminders.keys().take(1))
      this.#reminders.delete(oldest)
    this.#reminders.set(name, reminder)
    return reminder
  }
}
