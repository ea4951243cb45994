/** What people see of a running node: progress and a few sentences on stderr, where that makes sense. */
import type { Session, SessionState } from '../src/app/library.ts'
import type { SystemClock } from '../src/app/node/clock.ts'
import { ProgressLine } from '../src/app/progress.ts'
import { printable } from '../src/app/terminal-text.ts'
import type { Progress } from '../src/app/view.ts'
import type { Env } from './env.ts'

/** Progress of a command that moves no payload between machines. */
export const IDLE = {
  downloaded: 0,
  uploaded: 0,
  downRate: 0,
  upRate: 0,
  connectedPeers: 0,
  knownPeers: 0,
} as const

const UPDATE_INTERVAL_MS = 250

export interface ScreenOptions {
  readonly quiet?: boolean
  /** Undefined: as it fits. */
  readonly progress?: boolean | undefined
  /** Whether stdout gets a line every now and then, and not just a result in the end. */
  readonly hasLog?: boolean
}

export class Screen {
  readonly #stderr: Env['stderr']
  readonly #isQuiet: boolean
  readonly #line: ProgressLine | undefined
  /** How to get progress, for people who see none; said once there is some. */
  #tip: string | undefined

  constructor(
    { stdout, stderr, variables }: Pick<Env, 'stdout' | 'stderr' | 'variables'>,
    options: ScreenOptions,
  ) {
    const { quiet = false, progress, hasLog = false } = options
    this.#stderr = stderr
    this.#isQuiet = quiet
    const canRedraw = stderr.isTTY === true && variables['TERM'] !== 'dumb'
    const isShared = hasLog && stdout.isTTY === true && stderr.isTTY === true
    // On one terminal the log and a line that redraws itself would tear each other apart.
    const isWanted = progress ?? (canRedraw && !isShared)
    if (isWanted && !quiet)
      this.#line = new ProgressLine(stderr, { canRedraw, isUnicode: isUnicode(variables) })
    else if (canRedraw && isShared && progress === undefined)
      this.#tip = 'tip: send stdout to a file or a pipe, then progress shows here'
  }

  /** Sentences, one per line, which a log on the same terminal does not interrupt. */
  say(...lines: readonly string[]): void {
    if (this.#isQuiet) return
    this.clear()
    this.#stderr.write(lines.map((line) => `${printable(line)}\n`).join(''))
  }

  show(progress: Progress): void {
    this.#giveTip()
    this.#line?.show(progress)
  }

  /** Shows what `progress` says, again and again, until the returned function is called. */
  follow(clock: SystemClock, progress: () => Progress): () => void {
    this.#giveTip()
    if (this.#line === undefined) return () => {}
    const update = (): void => {
      this.show(progress())
      cancel = clock.after(UPDATE_INTERVAL_MS, update)
    }
    let cancel = clock.after(0, update)
    return () => cancel()
  }

  clear(): void {
    this.#line?.hide()
  }

  #giveTip(): void {
    if (this.#tip !== undefined) this.say(this.#tip)
    this.#tip = undefined
  }
}

/** Whether the locale says that the terminal shows UTF-8. */
function isUnicode(variables: Env['variables']): boolean {
  return /utf-?8/i.test(variables['LC_ALL'] || variables['LC_CTYPE'] || variables['LANG'] || '')
}

export function progressOf(session: Session): Progress {
  const snapshot = session.snapshot()
  const { infoHash, name = session.magnet.name, length = 1, bytesHave, checked, peers, connected } = snapshot
  const activity = ACTIVITIES[snapshot.state]
  return {
    ...snapshot,
    name: name ?? infoHash.slice(0, 8),
    length,
    connectedPeers: connected,
    knownPeers: peers.filter(({ state }) => state !== 'dead').length,
    bytesHave: checked ? (length * checked.done) / Math.max(1, checked.total) : bytesHave,
    ...(activity && { activity }),
  }
}

const ACTIVITIES: Readonly<Partial<Record<SessionState, NonNullable<Progress['activity']>>>> = {
  waiting: 'metainfo',
  opening: 'checking',
}
