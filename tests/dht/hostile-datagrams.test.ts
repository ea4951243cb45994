/** Datagrams of a hostile network, case by case: each is dropped and counted, without an answer or a trace. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { DropReason } from '../../src/dht/wire/drops.ts'
import { encodeBase64Url } from '../../src/protocol/base64.ts'
import { toHex } from '../../src/protocol/ids.ts'
import { idOf, LAN, LoneNode, packed } from './lone-node.ts'

const ID = toHex(idOf(0xc1))

let lone: LoneNode

beforeEach(() => {
  lone = new LoneNode()
})

/** Dropped under that reason, not a byte sent, nothing kept. */
function expectDropped(reason: DropReason): void {
  const { contacts, storedPeers, inFlight, dropped } = lone.node.snapshot()
  expect(dropped).toEqual({ [reason]: 1 })
  expect(lone.sent).toEqual([])
  expect({ contacts, storedPeers, inFlight }).toEqual({ contacts: 0, storedPeers: 0, inFlight: 0 })
}

const ping = (fields = '', id = ID): string => `{"v":1,"type":"ping","t":"abcdefgh","id":"${id}"${fields}}`
const find = (fields: string): string => `{"v":1,"type":"findPeers","t":"abcdefgh","id":"${ID}"${fields}}`

describe('framing', () => {
  const cases: readonly (readonly [string, string | Uint8Array, DropReason])[] = [
    ['no bytes at all', '', 'length'],
    ['one byte', '{', 'length'],
    ['59 bytes', 'x'.repeat(59), 'length'],
    ['60 bytes of nothing', 'x'.repeat(60), 'frame'],
    ['1,401 bytes', ping(`,"pad":"${'0'.repeat(1_401 - ping(',"pad":""').length)}"`), 'length'],
    ['64 KiB', new Uint8Array(65_507).fill(0x7b), 'length'],
    ['truncated JSON', ping().slice(0, -20), 'charset'],
    ['a trailing newline', `${ping()}\n`, 'charset'],
    ['trailing bytes', `${ping()}xx`, 'charset'],
    ['two objects', ping() + ping(), 'charset'],
    ['a byte order mark', `\xef\xbb\xbf${ping()}`, 'frame'],
    ['gzip', `\x1f\x8b\x08${'\0'.repeat(80)}`, 'frame'],
    ['bencode', `d1:ad2:id20:${'a'.repeat(20)}e1:q4:ping1:t2:aa1:y1:qe${' '.repeat(20)}`, 'frame'],
    ['HTTP', `GET / HTTP/1.1\r\nHost: example.com\r\n\r\n${' '.repeat(40)}`, 'frame'],
    ['STUN', `\0\x01\0\0\x21\x12\xa4\x42${'\0'.repeat(60)}`, 'frame'],
    ['DTLS', `\x16\xfe\xfd${'\0'.repeat(60)}`, 'frame'],
    ['a frame of a network with a key', `\xd1\x01${'\0'.repeat(80)}`, 'frame'],
  ]
  test.each(cases)('%s', (_name, data, reason) => {
    lone.receive(data)
    expectDropped(reason)
  })

  test('1,400 bytes are still read', () => {
    lone.receive(
      ping(
        `,"pad":"${'0'.repeat(1_000)}","x_a":"${'b'.repeat(1_400 - 1_000 - ping(',"pad":"","x_a":""').length)}"`,
      ),
    )
    expect(lone.node.snapshot().dropped).toEqual({})
    expect(lone.sent[0]?.message.type).toBe('pong')
  })
})

describe('JSON', () => {
  const cases: readonly (readonly [string, string, DropReason])[] = [
    ['arrays 32,000 deep', ping(`,"x":${'['.repeat(32_000)}${']'.repeat(32_000)}`), 'length'],
    ['6,000 keys', ping(Array.from({ length: 6_000 }, (_, i) => `,"k${i}":1`).join('')), 'length'],
    ['60,000 digits', ping(`,"rp":${'9'.repeat(60_000)}`), 'length'],
    ['as many keys as fit', ping(',"":1'.repeat(200)), 'keys'],
    ['arrays 600 deep', ping(`,"x":${'['.repeat(600)}${']'.repeat(600)}`), 'charset'],
    ['an object inside', ping(',"x":{}'), 'charset'],
    ['25 keys', ping(Array.from({ length: 21 }, (_, i) => `,"k${i}":1`).join('')), 'keys'],
    ['"v" twice', ping(',"v":1'), 'keys'],
    ['"id" twice', ping(`,"id":"${ID}"`), 'keys'],
    ['"type" twice', ping(',"type":"announce"'), 'keys'],
    ['a blank before a colon', ping(',"x" :1'), 'keys'],
    ['an own __proto__', ping(',"__proto__":1'), 'keys'],
    ['constructor', ping(',"constructor":1'), 'keys'],
    ['prototype', ping(',"prototype":"x"'), 'keys'],
    ['an escape', ping(',"\\u0069d":"x"'), 'charset'],
    ['a lone surrogate, raw', ping(',"x":"\xed\xa0\x80"'), 'charset'],
    ['NUL', ping(',"x":"\0"'), 'charset'],
    ['DEL', ping(',"x":"\x7f"'), 'charset'],
    ['1e400', ping(',"x":1e400'), 'charset'],
    ['an exponent', ping(',"rp":2E3'), 'charset'],
    ['minus zero', ping(',"x":-0'), 'charset'],
    ['1.0', ping(',"ro":1.0'), 'charset'],
    ['a quote too many', ping(',"x":""y"'), 'json'],
    ['a comma too many', ping(','), 'json'],
    ['a leading zero', ping(',"x":01'), 'json'],
    ['2^53 + 1 for a port', ping(',"rp":9007199254740993'), 'field'],
    ['a thousand digits', ping(`,"rp":${'9'.repeat(1_000)}`), 'field'],
    ['true for a number', ping(',"ro":true'), 'field'],
    ['null for a number', ping(',"rp":null'), 'field'],
    ['an array for a number', ping(',"rp":[2000]'), 'field'],
    ['a string for a number', ping(',"rp":"2000"'), 'field'],
    ['another version', ping().replace('"v":1', '"v":2'), 'version'],
    ['a version in a string', ping().replace('"v":1', '"v":"1"'), 'version'],
    ['the network of others', ping(',"net":"other"'), 'net'],
    ['an unknown type', ping().replace('"ping"', '"store"'), 'type'],
    ['a type that every object has', ping().replace('"ping"', '"toString"'), 'type'],
    ['a type that is a number', ping().replace('"ping"', '1'), 'type'],
    ['a t of 3 characters', ping().replace('abcdefgh', 'abc'), 'field'],
    ['a t of 17 characters', ping().replace('abcdefgh', 'abcdefghabcdefgha'), 'field'],
    ['a t of strange characters', ping().replace('abcdefgh', 'abcd efg'), 'field'],
    ['a pad of other than zeros', ping(',"pad":"001"'), 'field'],
    ['neither target nor info hash', find(''), 'field'],
    ['both target and info hash', find(`,"target":"${ID}","infoHash":"${ID}"`), 'field'],
    ['an unknown family', find(`,"target":"${ID}","want":["n5"]`), 'field'],
  ]
  test.each(cases)('%s', (_name, data, reason) => {
    lone.receive(data)
    expectDropped(reason)
  })

  /** Each message with all its fields. */
  const whole: readonly string[] = [
    ping(',"ro":1,"rp":2000,"pad":"00"'),
    find(`,"target":"${ID}","want":["n4"],"token":"abcd","pad":"00"`),
    find(`,"infoHash":"${ID}"`),
    `{"v":1,"type":"announce","t":"abcdefgh","id":"${ID}","infoHash":"${ID}","token":"abcd","port":7,"seed":1}`,
    `{"v":1,"type":"announce","t":"abcdefgh","id":"${ID}","infoHash":"${ID}","token":"abcd","implied":1}`,
    `{"v":1,"type":"pong","t":"abcdefgh","id":"${ID}","ttl":2700,"ts":1,"e":[201,"x"],"ip":"CgADBxrh"}`,
    `{"v":1,"type":"peers","t":"abcdefgh","id":"${ID}","nodes":"","nodes6":"","peers":"","peers6":"","n":0,"more":1}`,
  ]
  const values = ['null', 'true', 'false', '[]', '[null]', '0', '9007199254740993', '""', '"\u00e9"', '"x y"']

  test('a value of another kind in any field of any message: not a byte, not a trace', () => {
    // What a field may hold nevertheless.
    const fine = /^"(x_|nodes6?|peers6?)":""$|^"(pad)":""$|^"(n|ts|seed)":0$|^"want":\[\]$/
    let tried = 0
    for (const message of whole)
      for (const [field, key] of message.matchAll(/"(\w+)":(?:"[^"]*"|\[[^\]]*\]|\d+)/g))
        for (const value of values) {
          const wrong = `"${key}":${value}`
          if (fine.test(wrong)) continue
          lone = new LoneNode()
          lone.receive(message.replace(field, wrong))
          const { contacts, storedPeers, inFlight, dropped } = lone.node.snapshot()
          const reasons = Object.keys(dropped)
          expect([wrong, reasons, lone.sent]).toEqual([wrong, [expect.any(String)], []])
          expect(['field', 'blob', 'version', 'type', 'charset']).toContain(reasons[0])
          expect({ contacts, storedPeers, inFlight }).toEqual({ contacts: 0, storedPeers: 0, inFlight: 0 })
          tried++
        }
    expect(tried).toBeGreaterThan(300)
  })

  test('keys that every object has, and unknown ones, are ignored', () => {
    lone.receive(ping(',"toString":"x","toJSON":"x","x_1":["a",1]'))
    expect(lone.node.snapshot().dropped).toEqual({})
    expect(lone.sent[0]?.message).toMatchObject({ type: 'pong', t: 'abcdefgh' })
  })

  test('a t of 4 and one of 16 characters come back as they were', () => {
    for (const t of ['a-_9', 'abcdefghABCDEFGH']) {
      lone.sent = []
      lone.receive(ping().replace('abcdefgh', t))
      expect(lone.sent[0]?.message.t).toBe(t)
    }
  })
})

describe('ids', () => {
  test.each([
    ['uppercase hex', ID.toUpperCase()],
    ['39 digits', ID.slice(1)],
    ['41 digits', `${ID}0`],
    ['no hex', `${ID.slice(2)}zz`],
  ])('%s', (_name, id) => {
    lone.receive(ping('', id))
    expectDropped('field')
  })

  test('our own id: a reflection', () => {
    lone.receive(ping('', toHex(lone.node.id)))
    expectDropped('reflection')
  })

  test('our own packet, echoed', () => {
    lone.node.bootstrap([LAN])
    const [question] = lone.sent
    lone.say(question!.message)
    expect(lone.node.snapshot().dropped).toEqual({ reflection: 1 })
    expect(lone.node.contacts).toBe(0)
  })

  test('our own id as a target is a question like any other', () => {
    expect(
      lone.answerTo({ type: 'findPeers', t: 'abcdefgh', id: idOf(1), target: lone.node.id })?.message.type,
    ).toBe('peers')
  })
})

describe('addresses', () => {
  test.each(['0.0.0.1', '224.0.0.1', '255.255.255.255', '169.254.1.1', '240.0.0.1', '203.0.113.5'])(
    'a datagram from %s',
    (host) => {
      lone.receive(ping(), { host, port: 20_000 })
      expectDropped('source')
    },
  )

  test.each(['fe80::1', '::', 'ff02::1', '2001:db8::1', '64:ff9b::1'])('a datagram from %s', (host) => {
    lone = new LoneNode({ family: 6 }, { host: '::', port: 10_000 })
    lone.receive(ping(), { host, port: 20_000 })
    expectDropped('source')
  })

  test('a datagram from port 0', () => {
    lone.receive(ping(), { ...LAN, port: 0 })
    expectDropped('source')
  })
})

describe('packed lists', () => {
  const reply = (key: string, text: string): string =>
    `{"v":1,"type":"peers","t":"abcdefgh","id":"${ID}","${key}":"${text}"}`
  const good = encodeBase64Url(packed(LAN, idOf(7)))
  test.each([
    ['27 bytes', 'nodes', encodeBase64Url(new Uint8Array(27))],
    ['padding', 'nodes', `${good}=`],
    ['the standard alphabet', 'nodes', `${good.slice(0, -2)}+/`],
    ['a blank', 'nodes', `${good.slice(0, -1)} `],
    ['bits behind the end', 'nodes', `${good.slice(0, -1)}F`],
    ['17 nodes', 'nodes', encodeBase64Url(new Uint8Array(17 * 26))],
    ['101 peers', 'peers', encodeBase64Url(new Uint8Array(101 * 6))],
    ['an ip of 7 bytes', 'ip', encodeBase64Url(new Uint8Array(7))],
  ])('%s', (_name, key, text) => {
    lone.receive(reply(key, text))
    expectDropped('blob')
  })
})
