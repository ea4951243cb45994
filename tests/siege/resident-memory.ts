/** What a process holds of the machine's memory. Only Linux tells, and only it can forget the peak. */
import { readFileSync, writeFileSync } from 'node:fs'

const MiB = 1024

/** MiB that are resident now; the peak counts anew from here. */
export function restartPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  return read(pid, 'VmRSS')
}

/** The most MiB that were resident since {@link restartPeak}. */
export function peak(pid: number): number {
  return read(pid, 'VmHWM')
}

function read(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line![1]) / MiB
}
