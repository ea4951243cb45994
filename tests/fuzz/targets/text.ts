import { clip, columnsOf, escapeControls, printable } from '../../../src/app/terminal-text.ts'
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from '../../../src/protocol/base64.ts'
import { clientName } from '../../../src/protocol/client-name.ts'
import { fromHex, toHex } from '../../../src/protocol/ids.ts'
import { shownFileUrl, shownTracker } from '../../../src/protocol/shown-url.ts'
import { decodeUtf8, excerpt } from '../../../src/protocol/text.ts'
import { claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const HARMFUL = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
const text = (characters: string): Uint8Array => new TextEncoder().encode(characters)

export const target: FuzzTarget = {
  sources: [
    'protocol/text.ts',
    'protocol/shown-url.ts',
    'protocol/base64.ts',
    'protocol/client-name.ts',
    'protocol/ids.ts',
    'app/terminal-text.ts',
  ],
  maxLength: 512,
  words: [
    '\u001b[2J',
    '-TR3000-',
    'M7-9-2--',
    'S58B-----',
    'AAAA',
    'AA==',
    '_-',
    'http://u:p@t/passkey/announce?x',
    '%1b',
  ],

  seeds: () => [
    text('plain'),
    text('\u001b[2Jescape \u202ereversed\u2066'),
    text('漢字 \u{1f41d}\u200d e\u0301'),
    Uint8Array.of(0xff, 0xfe, 0x80),
    text('-TR3000-abcdefghijkl'),
    text('M7-9-2--abcdefghijkl'),
    text('S58B-----abcdefghijk'),
    text('AZ-3-0-5-abcdefghijk'),
    text('http://user:secret@t.example:80/0123456789abcdef/announce?passkey=1'),
    text('QUJD'),
    text('QUI='),
    text('QUI'),
    text('00ffAB'),
  ],

  run(data) {
    claimSame([...decodeBase64(encodeBase64(data))!], [...data], 'base64, written, read')
    claimSame([...decodeBase64Url(encodeBase64Url(data))!], [...data], 'base64url, written, read')
    claimSame([...fromHex(toHex(data))!], [...data], 'hex, written, read')
    claim(!HARMFUL.test(clientName(data)), 'a harmless name of a client')
    const read = decodeUtf8(data)
    if (read !== undefined) claimSame(Buffer.from(read).toString('hex'), toHex(data), 'UTF-8, read, written')
    claimText(read ?? Buffer.from(data).toString('latin1'))
    // Lone surrogates are in no file, but in JSON.
    claimText(Buffer.from(data).toString('utf16le'))
  },
}

function claimText(characters: string): void {
  const base64 = decodeBase64(characters)
  if (base64 !== undefined) claim(encodeBase64(base64) === characters, 'base64 in one way only')
  const urlSafe = decodeBase64Url(characters)
  if (urlSafe !== undefined) claim(encodeBase64Url(urlSafe) === characters, 'base64url in one way only')
  const hex = fromHex(characters)
  if (hex !== undefined) claim(toHex(hex) === characters.toLowerCase(), 'hex')

  for (const length of [0, 7, 100]) {
    const shown = excerpt(characters, length)
    claim(!HARMFUL.test(shown) && shown.isWellFormed() && [...shown].length <= length, 'a harmless line')
  }
  const onTerminal = printable(characters)
  claim(!HARMFUL.test(onTerminal) && onTerminal.isWellFormed(), 'harmless on a terminal')
  for (const columns of [0, 1, 7]) claim(columnsOf(clip(onTerminal, columns)) <= columns, 'clipped')
  const json = escapeControls(JSON.stringify(characters))
  claim(JSON.parse(json) === characters && !/[\p{Cc}]/u.test(json), 'JSON that is harmless and says the same')
  for (const url of [shownTracker(characters), shownFileUrl(characters)])
    claim(!HARMFUL.test(url) && url.length <= 400, 'a URL to show')
  claim(
    !/secret/.test(shownTracker(characters)) || !/\/\/[^/]*:?secret@/.test(characters),
    'no password is shown',
  )
}
