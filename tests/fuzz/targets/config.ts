import { check, environmentName, SETTINGS, type SettingName } from '../../../src/app/config.ts'
import { metainfoUrls, MIN_RATE } from '../../../src/app/setting-forms.ts'
import { formatSize, parseRate, parseSize } from '../../../src/app/quantity.ts'
import { MAX_LIST, type Parse } from '../../../src/app/setting-value.ts'
import { parseBootstrapAddress } from '../../../src/dht/life/bootstrap-names.ts'
import { parseSwarmKeys, SWARM_KEY_BYTES } from '../../../src/dht/frames/swarm-key.ts'
import { formatEndpoint, parseHostPort } from '../../../src/protocol/endpoint.ts'
import { ConfigError } from '../../../src/protocol/errors.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import { latin1 } from '../engine/mutator.ts'
import type { FuzzTarget } from '../engine/target.ts'

const NAMES = Object.keys(SETTINGS) as SettingName[]

export const target: FuzzTarget = {
  sources: [
    'app/config.ts',
    'app/quantity.ts',
    'app/setting-value.ts',
    'protocol/endpoint.ts',
    'dht/life/bootstrap-names.ts',
    'dht/frames/swarm-key.ts',
  ],
  maxLength: 512,
  words: [
    'MiB',
    'kB',
    '/s',
    '.5',
    '1e9',
    '[::1]:1',
    'srv:_a._udp.b',
    '::ffff:1.2.3.4',
    '%eth0',
    'hmac ',
    'aead ',
    ',',
    '\n',
    'udp://',
  ],

  // A value for any setting.
  seeds: () =>
    [
      '2MiB/s',
      '1.5 kB',
      '10.0.0.1:7,[2001:db8::1]:8',
      ':0',
      'host.example:65535',
      'srv:_bitswarm._udp.example.org',
      'http://t/a udp://u:1',
      '-1',
      'yes',
      'rarest',
      'debug',
      '/tmp/x',
      'lab-1',
      `aead ${'ab'.repeat(32)}\n# old\n${'A'.repeat(43)}=`,
    ].map(latin1),

  run(data) {
    const text = new TextDecoder().decode(data)
    for (const name of NAMES) claimSetting(name, text)
    const size = parseSize(text)
    if (size !== undefined) {
      claim(Number.isSafeInteger(size) && size >= 0, 'whole bytes')
      claim(parseRate(`${text.trim()}/s`) === size, 'a rate is a size per second')
      claim(parseSize(formatSize(size)) !== undefined, 'a size that is shown can be read')
    }
    const endpoint = accepted(() => parseHostPort(text, '127.0.0.1'), ['config.value'])
    if (endpoint !== undefined) {
      claim(!/[\s\p{Cc}]/u.test(endpoint.host) && endpoint.port <= 65_535, 'an address that can be dialled')
      claimSame(parseHostPort(formatEndpoint(endpoint), ''), endpoint, 'an endpoint, written, read')
    }
    const keys = accepted(() => parseSwarmKeys(text, 'keys'), ['config.value'])
    if (keys !== undefined)
      claim(
        keys.every(({ secret }) => secret.length === SWARM_KEY_BYTES),
        'keys of one length',
      )
    accepted(() => parseBootstrapAddress(text), ['config.value'])
    const urls = accepted(() => metainfoUrls(text), ['config.value'])
    claim(
      (urls ?? []).every((url) => URL.canParse(url)),
      'a URL',
    )
  },
}

function claimSetting(name: SettingName, text: string): void {
  let value: unknown
  try {
    value = check(environmentName(name), SETTINGS[name].parse as Parse<unknown>, text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    claim(
      error.message.includes(environmentName(name)) && !/[\p{Cc}]/u.test(error.message),
      'a line that names it',
    )
    return
  }
  if (typeof value === 'number') claim(Number.isSafeInteger(value), 'a whole number')
  if (name === 'maxUp' || name === 'maxDown')
    claim((value as number) >= MIN_RATE, 'a rate that moves something')
  if (Array.isArray(value)) claim(value.length <= MAX_LIST, 'a list of bearable length')
  if (typeof value === 'string') claim(!value.includes('\0'), 'text that the system takes')
}
