/** What people see on stderr: the progress line and the summary. Pure; `cmd` puts it on the terminal. */
import { formatDuration, formatPart, formatRate, formatSize } from './quantity.ts'
import { clip, columnsOf, printable } from './terminal-text.ts'

/** What people want to know of a session. In bytes, and bytes per second. */
export interface Progress {
  readonly name: string
  readonly length: number
  readonly bytesHave: number
  readonly downloaded: number
  readonly uploaded: number
  readonly downRate: number
  readonly upRate: number
  /** Connections, and known peers. */
  readonly connectedPeers: number
  readonly knownPeers: number
  /**
   * Before anything is transferred: reading what is there, and `bytesHave` counts what was read; or waiting for a peer to
   * send the metainfo of a magnet link, while neither it nor `length` means anything.
   */
  readonly activity?: 'hashing' | 'checking' | 'metainfo'
}

export interface LineStyle {
  /** Terminal columns. */
  readonly columns: number
  /** Whether the terminal shows more than ASCII. */
  readonly isUnicode: boolean
}

const BAR_COLUMNS = 12
const GAP = '  '
const MIN_NAME_COLUMNS = 8

/**
 * One line of at most `columns`. When space gets tight, the least important parts go first: peers, the bar, upload, sizes;
 * then the name is cut.
 */
export function formatProgressLine(progress: Progress, { columns, isUnicode }: LineStyle): string {
  const [down, up] = isUnicode ? ['↓', '↑'] : ['dn', 'up']
  const peers =
    progress.knownPeers === 0 ? 'no peers yet' : `${progress.connectedPeers}/${progress.knownPeers} peers`
  const isSeeding = progress.activity === undefined && progress.bytesHave >= progress.length
  // In the order of the line; parts with a higher rank are dropped earlier.
  const parts: { text: string; rank: number }[] = isSeeding
    ? [
        { text: 'seeding', rank: 0 },
        { text: `ratio ${(progress.uploaded / progress.length).toFixed(2)}`, rank: 3 },
        { text: `${up} ${formatRate(progress.upRate)}`, rank: 1 },
        { text: peers, rank: 2 },
      ]
    : [
        { text: bar(progress.bytesHave / progress.length, isUnicode), rank: 4 },
        { text: percent(progress).padStart(6), rank: 0 },
        { text: formatPart(progress.bytesHave, progress.length), rank: 2 },
        { text: `${down} ${formatRate(progress.downRate)}`, rank: 1 },
        { text: `${up} ${formatRate(progress.upRate)}`, rank: 3 },
        { text: peers, rank: 5 },
        { text: `ETA ${eta(progress)}`, rank: 1 },
      ]
  const name = printable(progress.name)
  const shown =
    progress.activity === undefined
      ? [...parts]
      : progress.activity === 'metainfo'
        ? [
            { text: 'waiting for metainfo', rank: 0 },
            { text: peers, rank: 1 },
          ]
        : [{ text: progress.activity, rank: 0 }, ...parts.slice(0, 3)]
  const nameColumns = (): number =>
    columns - shown.reduce((sum, { text }) => sum + GAP.length + columnsOf(text), 0)
  while (shown.length > 1 && nameColumns() < Math.min(columnsOf(name), MIN_NAME_COLUMNS)) {
    const worst = Math.max(...shown.map(({ rank }) => rank))
    shown.splice(
      shown.findLastIndex(({ rank }) => rank === worst),
      1,
    )
  }
  const line = [clip(name, nameColumns()), ...shown.map(({ text }) => text)].filter((text) => text !== '')
  return clip(line.join(GAP), columns)
}

/** The last word of a run: `model.bin: 4.0 GiB in 9.0 s (455.1 MiB/s), uploaded 1.2 GiB`. */
export function formatSummary(
  progress: Pick<Progress, 'name' | 'length' | 'bytesHave' | 'downloaded' | 'uploaded'>,
  seconds: number,
): string {
  const { name, length, bytesHave, downloaded, uploaded } = progress
  const isComplete = bytesHave >= length
  const amount = isComplete ? formatSize(length) : formatPart(bytesHave, length)
  const there = `${amount} ${isComplete ? 'complete' : 'so far'}`
  const how = `in ${formatElapsed(seconds)} (${formatRate(downloaded / Math.max(seconds, 0.001))})`
  const got =
    downloaded === 0
      ? there
      : downloaded >= bytesHave
        ? `${amount} ${how}`
        : `${there}, ${formatSize(downloaded)} of it ${how}`
  return `${printable(name)}: ${got}, uploaded ${formatSize(uploaded)}`
}

/** A duration that is over, with decimals while they matter: `0.4 s`, `1m12s`. */
function formatElapsed(seconds: number): string {
  return seconds < 59.95 ? `${seconds.toFixed(1)} s` : formatDuration(seconds)
}

function bar(part: number, isUnicode: boolean): string {
  const filled = Math.floor(part * BAR_COLUMNS)
  const [full, empty] = isUnicode ? ['█', '░'] : ['#', '-']
  return full.repeat(filled) + empty.repeat(BAR_COLUMNS - filled)
}

/** Truncated, not rounded: 100 % is shown only when nothing is missing. */
function percent({ bytesHave, length }: Progress): string {
  return `${(Math.floor((1_000 * bytesHave) / length) / 10).toFixed(1)}%`
}

function eta({ bytesHave, length, downRate }: Progress): string {
  return downRate < 1 ? '--' : formatDuration((length - bytesHave) / downRate)
}
