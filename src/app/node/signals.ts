/** What the operator asks for by signal. */
import { isatty } from 'node:tty'
import type { Cancel } from '../../protocol/ports.ts'

export interface SignalHandlers {
  /** SIGINT or SIGTERM, each time; SIGHUP, once, if it means that the terminal we write to went away. */
  onStop(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void
  /** SIGUSR2. (SIGUSR1 is Node's inspector.) */
  onStats(): void
  /** SIGHUP while the terminal is there, or of a process without one. */
  onReannounce(): void
}

/** Those of stdout and stderr: a user who redirected both may close the terminal, which is usually still stdin. */
const OUTPUT_FDS = [1, 2]

/** Listens until the returned function is called. @param isTerminal whether a file descriptor is a terminal that still exists */
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
      // When a window is closed, both the shell and the kernel send it.
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
