/**
 * Events as JSON lines on stdout, by pino. The reader may be slow, stalled or gone: the node never waits for it.
 */
import { pino } from 'pino'
import type { Clock } from '../protocol/ports.ts'
import { LEVEL } from './event-level.ts'
import type { LogLevel, NodeEvent } from './event-level.ts'
import { LineBatch } from './line-batch.ts'
import { escapeControls } from './terminal-text.ts'

/** Bytes of lines that may wait for a slow reader; further lines are dropped and counted. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

const STDOUT = 1

export interface EventLogOptions {
  readonly clock: Clock
  readonly level: LogLevel
  /** A file descriptor; stdout when missing. */
  readonly fd?: number
  /** The reader went away, so nothing can be written any more. Called once. */
  readonly onBroken: (error: Error) => void
}

export class EventLog {
  readonly #destination: ReturnType<typeof pino.destination>
  readonly #pino: pino.Logger
  readonly #batch: LineBatch
  #dropped = 0
  #isBroken = false

  constructor({ clock, level, fd = STDOUT, onBroken }: EventLogOptions) {
    // Asynchronous: a synchronous write to a full pipe would stop the whole event loop until somebody reads.
    this.#destination = pino.destination({
      dest: fd,
      sync: false,
      minLength: 0,
      maxLength: MAX_WAITING_BYTES,
    })
    this.#destination.on('drop', (lines: string) => (this.#dropped += lines.split('\n').length - 1))
    this.#destination.on('drain', () => this.#reportDropped())
    this.#destination.on('error', (error: Error) => {
      if (this.#isBroken) return
      this.#isBroken = true
      // Otherwise pino would try to write the rest when the process exits, and wait for ever.
      this.#destination.destroy()
      onBroken(error)
    })
    // stdout may be a terminal, and events contain names from strangers.
    this.#batch = new LineBatch(clock, (lines) => {
      if (!this.#isBroken) this.#destination.write(escapeControls(lines))
    })
    this.#pino = pino(
      {
        base: null,
        level,
        timestamp: wholeSeconds(clock),
        formatters: { level: (label) => ({ level: label }) },
      },
      this.#batch,
    )
  }

  write(event: NodeEvent): void {
    if (this.#isBroken) return
    const level = LEVEL[event.event]
    this.#pino[level](event)
    // An error may be the last thing that this process says.
    if (level === 'warn' || level === 'error') this.#batch.flush()
  }

  /**
   * Writes what is left and `last`, however long the reader takes.
   *
   * @returns once everything is with the reader, or the reader is gone
   */
  async close(last: NodeEvent): Promise<void> {
    this.#batch.flush()
    if (this.#dropped > 0) await this.#once('drain') // else the last line would be dropped as well
    if (this.#isBroken) return
    this.write(last)
    this.#batch.flush()
    const closed = this.#once('close')
    this.#destination.end()
    await closed
    this.#isBroken = true
  }

  /** Resolves at the event, or when the destination ends. */
  #once(name: 'drain' | 'close'): Promise<void> {
    return new Promise((resolve) => {
      this.#destination.once(name, resolve)
      this.#destination.once('error', () => resolve())
    })
  }

  #reportDropped(): void {
    if (this.#dropped === 0 || this.#isBroken) return
    const lines = this.#dropped
    this.#dropped = 0
    this.write({ event: 'log_dropped', lines })
  }
}

/** `,"ts":"2026-04-27T15:41:09Z"`, made once a second. Whole seconds, because jq 1.6 cannot parse fractions. */
function wholeSeconds(clock: Clock): () => string {
  let second = Number.NaN
  let text = ''
  return () => {
    const now = Math.floor(clock.wallNow() / 1_000)
    if (now !== second) {
      second = now
      text = `,"ts":"${new Date(now * 1_000).toISOString().slice(0, 19)}Z"`
    }
    return text
  }
}
