/** What the operator asks for by signal. */
import type { Cancel } from '../../protocol/ports.ts'

export interface SignalHandlers {
  /** SIGINT or SIGTERM, each time. */
  onStop(signal: 'SIGINT' | 'SIGTERM'): void
  /** SIGUSR2. (SIGUSR1 is Node's inspector.) */
  onStats(): void
  /** SIGHUP. */
  onReannounce(): void
}

/** Listens until the returned function is called. */
export function onSignals(handlers: SignalHandlers): Cancel {
  const listeners = {
    SIGINT: () => handlers.onStop('SIGINT'),
    SIGTERM: () => handlers.onStop('SIGTERM'),
    SIGUSR2: () => handlers.onStats(),
    SIGHUP: () => handlers.onReannounce(),
  }
  const names = Object.keys(listeners) as (keyof typeof listeners)[]
  for (const name of names) process.on(name, listeners[name])
  return () => {
    for (const name of names) process.off(name, listeners[name])
  }
}
