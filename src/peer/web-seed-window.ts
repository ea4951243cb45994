/** How many blocks to ask of one web seed at a time: what it sends while it takes to answer, and some. */
import { BLOCK_LENGTH } from '../metainfo/geometry.ts'
import type { Millis } from '../protocol/ports.ts'
import { MIN_WINDOW } from './request-window.ts'

/** Blocks that are asked of a web seed whose rate is not known. */
export const START_WEB_SEED_WINDOW = 16
/** The most blocks requested from a web seed at a time. */
export const MAX_WEB_SEED_WINDOW = 1_024

/**
 * What is asked for covers so many of its answer times: half of it on average is not under way yet but waits for one of
 * its requests to end, and what is under way waits for its answer first …
 */
const ANSWER_TIMES = 3
/** … and so much time beyond: with more, requests are longer, and at the end of a download others wait for it longer. */
const SLACK: Millis = 200
/** The shortest of so many answer times counts: the others hold waiting for a connection, or for each other. */
const MEMORY = 16

export class WebSeedWindow {
  readonly #answerTimes: Millis[] = []

  /** A request was answered, so long after it was made. */
  onAnswer(took: Millis): void {
    this.#answerTimes.push(took)
    if (this.#answerTimes.length > MEMORY) this.#answerTimes.shift()
  }

  /** @param rate bytes per second at which it sends now; 0 when that is not known */
  size(rate: number): number {
    if (rate === 0) return START_WEB_SEED_WINDOW
    const answerTime = this.#answerTimes.length === 0 ? 0 : Math.min(...this.#answerTimes)
    const blocks = Math.round((rate * (ANSWER_TIMES * answerTime + SLACK)) / 1_000 / BLOCK_LENGTH)
    return Math.min(MAX_WEB_SEED_WINDOW, Math.max(MIN_WINDOW, blocks))
  }
}
