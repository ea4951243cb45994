/** Finds out whether a process accepts connections yet, without connecting to it. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClientProcess } from './client-process.ts'

const POLL_INTERVAL_MS = 20
const DEADLINE_MS = 20_000
/** The state of a socket in the kernel's table. */
const LISTENING = '0A'

export async function untilListening(
  child: ClientProcess,
  { port }: { readonly port: number },
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!isListening(port)) {
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port}: ${child.lastWords}`)
    await child.beforeEnd(delay(POLL_INTERVAL_MS))
  }
}

function isListening(port: number): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['tcp', 'tcp6'].some((table) =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .some((fields) => fields[1]?.endsWith(local) === true && fields[3] === LISTENING),
  )
}
