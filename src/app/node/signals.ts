/** What the operator asks for by signal. */
import { isatty } from 'node:tty'
import type { Cancel } from '../../protocol/ports.ts'

export interface SignalHandlers {
  /** SIGINT or SIGTERM, each time; SIGHUP when it says that the terminal went away to which we write, once. */
  onStop(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void
  /** SIGUSR2. (SIGUSR1 is Node's inspector.) */
  onStats(): void
  /** SIGHUP, while the terminal is there, or for a process that has none. */
  onReannounce(): void
}

/** Of stdout and stderr: who has sent both elsewhere may leave the terminal, and has most often kept it as stdin. */
const OUTPUT_FDS = [1, 2]

/** Listens until the returned function is called. @param isTerminal whether a file descriptor is one that is there */
export function onSignals(
  handlers: SignalHandlers,
  isTerminal: (fd: number) => boolean = (fd) => isatty(fd),
): Cancel {
  const terminals = OUTPUT_FDS.filter(isTerminal)
  let isAlone = false
  const listeners = {
    SIGINT: () => handlers.onStop('SIGINT'),
    SIGTERM: () => handlers.onStop('SIGTERM'),
    SIGUSR2: () => handlers.onStats(),
    SIGHUP: () => {
      // Of a window that is closed both the shell and the kernel tell.
      if (isAlone) return
      isAlone = !terminals.every(isTerminal)
      if (isAlone) handlers.onStop('SIGHUP')
      else handlers.onReannounce()
    },
  }
  const names = Object.keys(listeners) as (keyof typeof listeners)[]
  for (const name of names) process.on(name, listeners[name])
  return () => {
    for (const name of names) process.off(name, listeners[name])
  }
}
