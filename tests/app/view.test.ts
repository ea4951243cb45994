/** What people see: sizes, times, one line of progress, and nothing that could drive their terminal. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, formatPart, formatSize, parseRate, parseSize } from '../../src/app/quantity.ts'
import { clip, columnsOf, escapeControls, printable } from '../../src/app/terminal-text.ts'
import { formatProgressLine, formatSummary, type Progress } from '../../src/app/view.ts'

const MiB = 1024 ** 2

describe('sizes', () => {
  test.each([
    ['256KiB', 262_144],
    ['1.5 MiB', 1.5 * MiB],
    ['2m', 2 * MiB],
    ['16384', 16_384],
    ['100kB', 100_000],
    ['3GiB', 3 * 1024 ** 3],
  ])('%s', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each([
    '',
    'MiB',
    '-1',
    '1e3',
    '1 furlong',
    '0x10',
    '1.',
    '99999999999999999',
    '9007199254740993',
    '9999TiB'.repeat(9),
  ])("'%s' is none", (text) => expect(parseSize(text)).toBeUndefined())

  test('a rate may say what it is a rate of', () => {
    expect(parseRate('2MiB/s')).toBe(2 * MiB)
    expect(parseRate('2MiB/h')).toBeUndefined()
  })

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [MiB - 1, '1.0 MiB'],
    [263.3 * MiB, '263.3 MiB'],
    [5000 * 1024 ** 4, '5000.0 TiB'],
  ])('%d bytes are shown as %s', (bytes, text) => expect(formatSize(bytes)).toBe(text))

  test('a part is shown in the unit of the whole', () => {
    expect(formatPart(166.5 * MiB, 263.3 * MiB)).toBe('166.5/263.3 MiB')
    expect(formatPart(0, 10)).toBe('0/10 B')
  })
})

test.each([
  [9, '0m09s'],
  [59.6, '1m00s'],
  [7_500, '2h05m'],
  [273_600, '3d04h'],
])('%d seconds are shown as %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))

const bunny: Progress = {
  name: 'big_buck_bunny.mp4',
  length: 263.3 * MiB,
  bytesHave: 166.5 * MiB,
  downloaded: 166.5 * MiB,
  uploaded: 3 * MiB,
  downRate: 10.5 * MiB,
  upRate: 293 * 1024,
  connectedPeers: 3,
  knownPeers: 8,
}
const line = (progress: Partial<Progress>, columns = 120, isUnicode = true): string =>
  formatProgressLine({ ...bunny, ...progress }, { columns, isUnicode })

describe('the progress line', () => {
  test('shows a download', () => {
    expect(line({})).toBe(
      'big_buck_bunny.mp4  ███████░░░░░   63.2%  166.5/263.3 MiB  ↓ 10.5 MiB/s  ↑ 293.0 KiB/s  3/8 peers  ETA 0m09s',
    )
  })

  test('shows a seeder', () => {
    expect(line({ bytesHave: bunny.length, uploaded: 1.42 * bunny.length })).toBe(
      'big_buck_bunny.mp4  seeding  ratio 1.42  ↑ 293.0 KiB/s  3/8 peers',
    )
  })

  test('shows what is read before anything moves', () => {
    expect(line({ activity: 'checking', bytesHave: bunny.length })).toBe(
      'big_buck_bunny.mp4  checking  ████████████  100.0%  263.3/263.3 MiB',
    )
  })

  test('shows that nobody is there', () => {
    expect(line({ downRate: 0, upRate: 0, connectedPeers: 0, knownPeers: 0 })).toContain(
      '  no peers yet  ETA --',
    )
  })

  test('shows that the metainfo of a link is still to come', () => {
    const none = { name: 'model', length: 1, bytesHave: 0, activity: 'metainfo' } as const
    expect(line({ ...none, connectedPeers: 0, knownPeers: 2 })).toBe('model  waiting for metainfo  0/2 peers')
    expect(line({ ...none, knownPeers: 0 })).toBe('model  waiting for metainfo  no peers yet')
  })

  test('keeps to ASCII where that is all there is', () => {
    expect(line({}, 120, false)).toBe(
      'big_buck_bunny.mp4  #######-----   63.2%  166.5/263.3 MiB  dn 10.5 MiB/s  up 293.0 KiB/s  3/8 peers  ETA 0m09s',
    )
  })

  test('says 100 % only when nothing is missing', () => {
    expect(line({ bytesHave: bunny.length - 1 })).toContain(' 99.9%')
  })

  test('knows no end while nothing arrives', () => {
    expect(line({ downRate: 0 })).toContain('ETA --')
  })

  test('gets shorter before it loses what matters', () => {
    expect(line({}, 80)).toBe(
      'big_buck_bunny…   63.2%  166.5/263.3 MiB  ↓ 10.5 MiB/s  ↑ 293.0 KiB/s  ETA 0m09s',
    )
    expect(line({}, 40)).toBe('big_buck_bunny.mp4   63.2%  ↓ 10.5 MiB/s')
  })

  test('fits any terminal, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 200 }), (name, columns) => {
        const text = line({ name }, columns)
        expect(columnsOf(text)).toBeLessThanOrEqual(columns)
        expect(text).not.toMatch(/\p{Cc}/u)
      }),
    )
  })
})

test('the summary says what was got, how fast, and what was given', () => {
  expect(formatSummary({ ...bunny, bytesHave: bunny.length, downloaded: bunny.length }, 10)).toBe(
    'big_buck_bunny.mp4: 263.3 MiB in 10.0 s (26.3 MiB/s), uploaded 3.0 MiB',
  )
  expect(formatSummary(bunny, 10)).toBe(
    'big_buck_bunny.mp4: 166.5/263.3 MiB in 10.0 s (16.6 MiB/s), uploaded 3.0 MiB',
  )
  expect(formatSummary(bunny, 72.4)).toContain(' in 1m12s (')
  expect(formatSummary({ ...bunny, bytesHave: bunny.length, downloaded: 0 }, 10)).toBe(
    'big_buck_bunny.mp4: 263.3 MiB complete, uploaded 3.0 MiB',
  )
})

test('what was there before a download went on does not count as got', () => {
  expect(formatSummary({ ...bunny, bytesHave: bunny.length, downloaded: 63.3 * MiB }, 10)).toBe(
    'big_buck_bunny.mp4: 263.3 MiB complete, 63.3 MiB of it in 10.0 s (6.3 MiB/s), uploaded 3.0 MiB',
  )
})

describe('text of strangers', () => {
  test.each([
    ['a cursor that moves', '\u001B[2Jgone', '\u{fffd}[2Jgone'],
    ['an 8-bit control sequence', '\u009B31m', '\u{fffd}31m'],
    ['a reading order that lies', 'exe.\u202Etxt', 'exe.\u{fffd}txt'],
    ['a second line', 'a\nb', 'a\u{fffd}b'],
    ['half a character', '\uD800', '\u{fffd}'],
  ])('%s is made harmless', (_, text, shown) => expect(printable(text)).toBe(shown))

  test('what is merely foreign stays', () => {
    const text = 'Größe 大きさ 👍 a..b'
    expect(printable(text)).toBe(text)
  })

  test('wide characters take two columns, marks none', () => {
    expect(columnsOf('大e\u0301👍')).toBe(5)
    expect(clip('大大大', 5)).toBe('大大…')
    expect(clip('大大大', 4)).toBe('大…')
    expect(clip('大大', 4)).toBe('大大')
  })
})

test('JSON keeps the value of a text that a terminal must not see, and shows none of it', () => {
  const text = 'a\u001b[2J\u007f\u009b\u061c\u202egpj.exe\u2028\u2066\u200f\ufeff é 日本'
  const json = escapeControls(JSON.stringify({ text }))
  expect(JSON.parse(json)).toEqual({ text })
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
  expect(json).toContain(' é 日本')
})
