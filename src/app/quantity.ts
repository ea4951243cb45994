/** Sizes, rates and times as people write and read them. */

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}

/** `256KiB`, `1.5 MiB`, `2M`, `100kB`, `16384`: bytes, or undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})$/i.exec(text.trim())
  const unit = UNIT_BYTES[match?.[2]?.toLowerCase() ?? '?']
  if (!match || unit === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** `2MiB` or `2MiB/s`: bytes per second, or undefined for anything else. */
export function parseRate(text: string): number | undefined {
  return parseSize(text.trim().replace(/\/s$/i, ''))
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

function unitOf(bytes: number): number {
  let unit = 0
  // 1023.95 KiB would be shown as 1024.0 KiB.
  while (unit < UNITS.length - 1 && bytes >= 1023.95 * 1024 ** unit) unit++
  return unit
}

function inUnit(bytes: number, unit: number): string {
  return unit === 0 ? String(Math.round(bytes)) : (bytes / 1024 ** unit).toFixed(1)
}

/** `166.5 MiB`. */
export function formatSize(bytes: number): string {
  const unit = unitOf(bytes)
  return `${inUnit(bytes, unit)} ${UNITS[unit]}`
}

/** `166.5/263.3 MiB`: both in the unit of the whole. */
export function formatPart(part: number, whole: number): string {
  const unit = unitOf(whole)
  return `${inUnit(part, unit)}/${inUnit(whole, unit)} ${UNITS[unit]}`
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatSize(bytesPerSecond)}/s`
}

/** `0m09s`, `2h05m`, `3d04h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole >= 86_400) return `${Math.floor(whole / 86_400)}d${two(Math.floor((whole % 86_400) / 3_600))}h`
  if (whole >= 3_600) return `${Math.floor(whole / 3_600)}h${two(Math.floor((whole % 3_600) / 60))}m`
  return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
}
