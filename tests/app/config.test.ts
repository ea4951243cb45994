/** Settings: flags override the environment, errors take one line, and defaults are in one place. */
import { describe, expect, test } from 'vitest'
import { environmentName, readConfig, SETTINGS, type SettingName } from '../../src/app/config.ts'
import type { RawValue } from '../../src/app/setting-value.ts'
import { ConfigError } from '../../src/protocol/errors.ts'

const MiB = 1024 ** 2

test('the defaults', () => {
  expect(readConfig({}, {})).toEqual({
    dest: '.',
    keep: 0,
    timeout: 0,
    bootstrap: [],
    peer: [],
    tracker: [],
    lan: true,
    limitLan: true,
    saveMetainfo: false,
    embedBootstrap: false,
    overwrite: false,
    strategy: 'rarest',
    sync: 'interval',
    maxPeers: 50,
    verbose: false,
    quiet: false,
  })
})

test('flags win over the environment, the environment over defaults', () => {
  const environment = { BITSWARM_KEEP: '5', BITSWARM_MAX_PEERS: '9', BITSWARM_QUIET: 'true', OTHER: 'x' }
  expect(readConfig({ keep: '-1' }, environment)).toMatchObject({ keep: -1, maxPeers: 9, quiet: true })
})

test('a flag wins over the variable of what it excludes, too', () => {
  const variables = {
    BITSWARM_GET: 'a.bit',
    BITSWARM_TCP_LISTEN: ':1',
    BITSWARM_LOG_LEVEL: 'info',
    BITSWARM_PROGRESS: '1',
  }
  const config = readConfig({ seed: 'b', port: '2', verbose: true, quiet: true }, variables)
  expect(config).toMatchObject({ seed: 'b', port: 2, verbose: true, quiet: true })
  expect([config.get, config.tcpListen, config.logLevel, config.progress]).toEqual(
    Array.from({ length: 4 }, () => undefined),
  )
  const isQuietWith = (progress: boolean): boolean => readConfig({ progress }, { BITSWARM_QUIET: '1' }).quiet
  expect([true, false].map(isQuietWith)).toEqual([false, true])
})

test('lists are separated by commas or given again; a bare port is this machine', () => {
  expect(
    readConfig({ peer: [':5, [::1]:7', 'seed.example:6881'] }, { BITSWARM_BOOTSTRAP: ':10000' }),
  ).toMatchObject({
    peer: ['127.0.0.1:5', '[::1]:7', 'seed.example:6881'],
    bootstrap: ['127.0.0.1:10000'],
  })
})

test('units are read', () => {
  expect(readConfig({ maxUp: '2MiB', maxDown: '1.5 MiB/s', pieceLength: '1MiB' }, {})).toMatchObject({
    maxUp: 2 * MiB,
    maxDown: 1.5 * MiB,
    pieceLength: MiB,
  })
})

test('an empty variable is as good as none, except where the empty text means something', () => {
  const names = Object.keys(SETTINGS) as SettingName[]
  const empty = Object.fromEntries(names.map((name) => [environmentName(name), '']))
  expect(readConfig({}, empty)).toEqual({ ...readConfig({}, {}), dhtListen: '', stateDir: '' })
  expect(() => readConfig({ keep: '' }, {})).toThrow("-keep '': must be a whole number")
})

test('an empty DHT address is kept: it switches the DHT off', () => {
  expect(readConfig({ dhtListen: '' }, {}).dhtListen).toBe('')
})

test.each<[SettingName, RawValue, string]>([
  ['keep', '-2', "-keep '-2': must be a whole number of seconds from -1 to 1000000000"],
  ['keep', '1.5', "-keep '1.5': must be a whole number of seconds from -1 to 1000000000"],
  ['maxPeers', '0', "-max-peers '0': must be a whole number from 1 to 2000"],
  ['strategy', 'best', "-strategy 'best': must be one of rarest, random, sequential"],
  ['pieceLength', '300KiB', "-piece-length '300KiB': must be a power of two from 16 KiB to 16 MiB"],
  ['pieceLength', '32MiB', "-piece-length '32MiB': must be a power of two from 16 KiB to 16 MiB"],
  [
    'maxUp',
    '0',
    "-max-up '0': must be a rate like 2MiB (per second), 1.0 KiB or more; leave the flag out for no limit",
  ],
  ['timeout', '1h', "-timeout '1h': must be a whole number of seconds from 0 to 1000000000"],
  ['peer', ['a:1', 'b'], "-peer 'a:1,b': 'b' is not an address: expected host:port, [v6]:port or :port"],
  ['peer', ['a:1', ':0'], "-peer 'a:1,:0': must be host:port, [v6]:port or :port, separated by commas"],
  ['peer', ['a:1', '0.0.0.0:20001'], "-peer 'a:1,0.0.0.0:20001': 0.0.0.0 is the address of no machine"],
  ['bootstrap', '[::]:10000', "-bootstrap '[::]:10000': :: is the address of no machine"],
  ['tcpListen', '20001', "-tcp-listen '20001' is not an address: expected host:port, [v6]:port or :port"],
  ['port', '65536', "-port '65536': must be a whole number from 0 to 65535"],
  ['dhtNet', 'My Net', "-dht-net 'My Net': must be 1 to 16 of a-z, 0-9 and -"],
  [
    'tracker',
    ['file:///etc/passwd'],
    "-tracker 'file:///etc/passwd': must be an http or https URL, or udp://host:port",
  ],
  [
    'tracker',
    ['udp://t.example/announce'],
    "-tracker 'udp://t.example/announce': must be an http or https URL, or udp://host:port",
  ],
  ['seed', '', "-seed '': must be a path"],
  ['dest', 'a\u001B[2J', ''],
])('-%s %s', (name, value, message) => {
  if (message === '') return expect(readConfig({ [name]: value }, {})[name]).toBe(value)
  const read = (): unknown => readConfig({ [name]: value }, {})
  expect(read).toThrow(ConfigError)
  expect(read).toThrow(new ConfigError('config.value', message))
})

describe('a bad variable', () => {
  test('is named as the variable that it is', () => {
    expect(() => readConfig({}, { BITSWARM_TCP_LISTEN: ':x' })).toThrow(
      "BITSWARM_TCP_LISTEN ':x' is not an address: expected host:port, [v6]:port or :port",
    )
  })

  test('is none where Kubernetes has set it for a service of our name', () => {
    expect(readConfig({}, { BITSWARM_PORT: 'tcp://10.96.0.1:10000' }).port).toBeUndefined()
    expect(() => readConfig({}, { BITSWARM_PORT: 'tcp://' })).toThrow("BITSWARM_PORT 'tcp://': must be")
  })

  test('does not matter where a flag was given', () => {
    expect(readConfig({ keep: '1' }, { BITSWARM_KEEP: 'x' }).keep).toBe(1)
  })

  test('cannot write on the terminal', () => {
    expect(() => readConfig({}, { BITSWARM_KEEP: '\u001B[2J' })).toThrow("BITSWARM_KEEP '\u{fffd}[2J'")
  })

  test.each(['TCP_LISTEN', 'PEER', 'BOOTSTRAP'])('cannot do so by way of the reason: %s', (name) => {
    for (const value of ['\u001b[2J:1:2', 'srv:\u001b[2J', '\n'.repeat(3_000)])
      try {
        readConfig({}, { [`BITSWARM_${name}`]: value })
      } catch (error) {
        expect((error as Error).message).not.toMatch(/\p{Cc}/u)
      }
  })
})

test('every setting has a variable of its own', () => {
  const names = (Object.keys(SETTINGS) as SettingName[]).map(environmentName)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^BITSWARM_[A-Z]+(_[A-Z]+)*$/)
})
