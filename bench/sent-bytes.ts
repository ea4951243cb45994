/** Bytes that a host has sent, as the kernel counts them, so that no client need be trusted. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'

/** A limiter's head start shows in the first seconds, when a sample must cost less than 1 % of the payload … */
const FINE_INTERVAL_MS = 40
const FINE_SAMPLES = 125
/** … and after that it is enough to see sockets before they close. */
const COARSE_INTERVAL_MS = 250
/** Until so many bytes were sent, only handshakes were. */
const FIRST_BYTES = 131_072

export interface SentBytes {
  /** Of all sockets. */
  readonly bytes: number
  /** The most bytes ever sent ahead of the limit. */
  readonly aheadBytes: number
  stop(): void
}

/** @param limit bytes per second */
export function watchSentBytes(host: string, limit: number): SentBytes {
  const bySocket = new Map<string, number>()
  let bytes = 0
  let aheadBytes = 0
  let samples = 0
  let isStopped = false
  let startedAt: number | undefined
  let lastAt = performance.now()

  const sample = async (): Promise<void> => {
    const { stdout } = await promisify(execFile)('ss', ['-tinHO', 'state', 'connected', 'src', host])
    const now = performance.now()
    for (const line of stdout.split('\n')) {
      // State, both queues, both ends.
      const [, , , local, remote] = line.trim().split(/\s+/)
      const acked = /bytes_acked:(\d+)/.exec(line)?.[1]
      if (acked !== undefined) bySocket.set(`${local} ${remote}`, Number(acked))
    }
    bytes = bySocket.values().reduce((sum, each) => sum + each, 0)
    if (bytes >= FIRST_BYTES) {
      startedAt ??= lastAt
      samples++
      aheadBytes = Math.max(aheadBytes, bytes - (limit * (now - startedAt)) / 1_000)
    }
    lastAt = now
  }
  const run = async (): Promise<void> => {
    while (!isStopped) {
      await sample()
      await delay(samples < FINE_SAMPLES ? FINE_INTERVAL_MS : COARSE_INTERVAL_MS)
    }
  }
  void run()
  return {
    get bytes() {
      return bytes
    },
    get aheadBytes() {
      return aheadBytes
    },
    stop: () => (isStopped = true),
  }
}
