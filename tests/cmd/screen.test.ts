/** When people see progress, and when they are told how to. */
import { PassThrough } from 'node:stream'
import { afterEach, expect, test, vi } from 'vitest'
import { IDLE, Screen } from '../../cmd/screen.ts'
import type { ScreenOptions } from '../../cmd/screen.ts'

const CHECKING = { ...IDLE, name: 'model.bin', length: 100, bytesHave: 50, activity: 'checking' } as const
const TIP = 'tip: send stdout to a file or a pipe, then progress shows here\n'

/** What stderr gets when both streams are one terminal. */
function seen(options: ScreenOptions, use: (screen: Screen) => void): string {
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 100 })
  const stdout = Object.assign(new PassThrough(), { isTTY: true })
  const screen = new Screen({ stdout, stderr, variables: { LANG: 'C.UTF-8' } }, options)
  use(screen)
  screen.clear()
  return String(stderr.read() ?? '')
}

test('a command that prints a result in the end shows progress on the same terminal', () => {
  const text = seen({}, (screen) => screen.show(CHECKING))
  expect(text).toContain('model.bin  checking  ██████░░░░░░   50.0%')
  expect(text).not.toContain('tip:')
})

test('beside a log there is a tip instead, once', () => {
  const text = seen({ hasLog: true }, (screen) => {
    screen.show(CHECKING)
    screen.show(CHECKING)
  })
  expect(text).toBe(TIP)
})

afterEach(() => {
  vi.useRealTimers()
})

test('where a line cannot be redrawn, a new one is printed every two seconds, but not while nothing changes', () => {
  vi.useFakeTimers()
  for (const [isTTY, TERM] of [
    [false, 'xterm'],
    [true, 'dumb'],
  ] as const) {
    const stderr = Object.assign(new PassThrough(), { isTTY, columns: 100 })
    const stdout = Object.assign(new PassThrough(), { isTTY: false })
    const screen = new Screen({ stdout, stderr, variables: { TERM } }, { progress: true, hasLog: true })
    screen.show(CHECKING)
    vi.advanceTimersByTime(60_000)
    for (let bytesHave = 60; bytesHave < 80; bytesHave++) {
      screen.show({ ...CHECKING, bytesHave })
      vi.advanceTimersByTime(200)
    }
    screen.clear()
    const shown = String(stderr.read()).split('\n')
    expect(shown.map((line) => line.match(/[\d.]+%/)?.[0])).toEqual(['50.0%', '69.0%', '79.0%', undefined])
    expect(shown.join('')).not.toContain('\u001b')
  }
})

test('who has no progress to show needs no tip', () => {
  expect(seen({ hasLog: true }, () => {})).toBe('')
  expect(seen({ hasLog: true, quiet: true }, (screen) => screen.show(CHECKING))).toBe('')
  expect(seen({ hasLog: true, progress: false }, (screen) => screen.show(CHECKING))).toBe('')
})
