/** When people see progress, and when they are told how to. */
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
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

test('who has no progress to show needs no tip', () => {
  expect(seen({ hasLog: true }, () => {})).toBe('')
  expect(seen({ hasLog: true, quiet: true }, (screen) => screen.show(CHECKING))).toBe('')
  expect(seen({ hasLog: true, progress: false }, (screen) => screen.show(CHECKING))).toBe('')
})
