/** The moments of a torrent that its users wait for. Each comes once, or never. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { SwarmError } from '../protocol/errors.ts'

/** A failure that nobody waits for is no unhandled rejection: the session's `state` tells of it, too. */
export class Milestones {
  readonly #metainfo = Promise.withResolvers<Metainfo>()
  readonly #complete = Promise.withResolvers<void>()
  readonly #failed = Promise.withResolvers<SwarmError>()
  readonly #closed = Promise.withResolvers<void>()

  constructor() {
    this.#metainfo.promise.catch(() => {})
    this.#complete.promise.catch(() => {})
  }

  get metainfo(): Promise<Metainfo> {
    return this.#metainfo.promise
  }

  get complete(): Promise<void> {
    return this.#complete.promise
  }

  /** Resolves with what ended the session. */
  get failed(): Promise<SwarmError> {
    return this.#failed.promise
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  onMetainfo(metainfo: Metainfo): void {
    this.#metainfo.resolve(metainfo)
  }

  onComplete(): void {
    this.#complete.resolve()
  }

  onFailed(error: SwarmError): void {
    this.#failed.resolve(error)
    this.onEnding(error)
  }

  /** @param reason for whoever still waits for the metainfo or the payload */
  onEnding(reason: unknown): void {
    this.#metainfo.reject(reason)
    this.#complete.reject(reason)
  }

  onClosed(): void {
    this.#closed.resolve()
  }
}
