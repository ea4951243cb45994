/** How many sockets, files and the like the system lets this process have open at once (`ulimit -n`). */
import { readFileSync } from 'node:fs'

const OPEN_FILES = /^Max open files +(\d+) /m

/** Node raises the limit at its start as far as the system allows. @returns Infinity where the system does not say (Linux does) */
export function maxDescriptors(): number {
  let limits: string
  try {
    limits = readFileSync('/proc/self/limits', 'latin1')
  } catch {
    return Infinity
  }
  return Number(OPEN_FILES.exec(limits)?.[1] ?? Infinity)
}
