/** What processes cost, and what the machine spends besides, as Linux counts it. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const QUIET_CORES = 0.25
const QUIET_WINDOW_MS = 400
const QUIET_DEADLINE_MS = 20_000
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU seconds of all threads, user and kernel. */
export function cpuSeconds(pid: number): number {
  const [utime, stime] = processTimes(pid)
  return utime + stime
}

/** utime, stime, and both for the children that have ended and been waited for, in seconds. */
function processTimes(pid: number): [number, number, number, number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the name in parentheses and may hold spaces; utime is field 14.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const seconds = (index: number): number => Number(fields[index]) / TICKS_PER_SECOND
  return [seconds(11), seconds(12), seconds(13), seconds(14)]
}

/** CPU seconds of all children of this process that have ended. */
export function spentByChildren(): number {
  const [, , user, system] = processTimes(process.pid)
  return user + system
}

export interface Memory {
  /** Peak resident memory in MiB; mapped files count. */
  readonly peakMib: number
  readonly residentMib: number
  /** Resident memory that no file backs, in MiB. */
  readonly anonymousMib: number
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (field: string): number => {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)
    if (match === null) throw new Error(`no ${field} in /proc/${pid}/status`)
    return Number(match[1]) / 1024
  }
  return { peakMib: mib('VmHWM'), residentMib: mib('VmRSS'), anonymousMib: mib('RssAnon') }
}

/** Bytes that have crossed the loopback interface. */
export function loopbackBytes(): number {
  const match = /^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'utf8'))
  if (match === null) throw new Error('no interface lo in /proc/net/dev')
  return Number(match[1])
}

/** @returns how many cores were busy, on average since this call, with what is not this process or a descendant of it */
export function watchOthers(): () => number {
  const start = performance.now()
  const othersBefore = machineSeconds() - familySeconds(process.pid)
  return () => {
    const spent = machineSeconds() - familySeconds(process.pid) - othersBefore
    return spent / ((performance.now() - start) / 1_000)
  }
}

/** Waits until the machine does little else, up to a limit. */
export async function untilQuiet(): Promise<void> {
  const deadline = performance.now() + QUIET_DEADLINE_MS
  let othersCores: () => number
  do {
    othersCores = watchOthers()
    await delay(QUIET_WINDOW_MS)
  } while (othersCores() > QUIET_CORES && performance.now() < deadline)
}

/** CPU seconds of the whole machine, including time stolen by the hypervisor. */
function machineSeconds(): number {
  const [line] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
  const [user, nice, system, , , irq, softirq, steal] = line!.split(/\s+/).slice(1).map(Number)
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_PER_SECOND
}

/** CPU seconds of a process, of its descendants, and of those that have ended. */
function familySeconds(pid: number): number {
  try {
    const children = threadFolders(pid).flatMap((task) =>
      readFileSync(`${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    )
    const own = processTimes(pid).reduce((sum, seconds) => sum + seconds)
    return children.reduce((sum, child) => sum + familySeconds(child), own)
  } catch {
    // It ended meanwhile; its CPU time is now counted by its parent.
    return 0
  }
}

/** Each child belongs to the thread that started it, so all threads are asked. */
function threadFolders(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`)
}
