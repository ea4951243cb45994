import { describeMagnet, encodeMagnet, parseMagnet } from '../../../src/metainfo/magnet.ts'
import { accepted, claim, claimSame } from '../claims.ts'
import type { FuzzTarget } from '../engine/target.ts'

const HASH = '0123456789abcdef0123456789abcdef01234567'
const link = (text: string): Uint8Array => new TextEncoder().encode(`magnet:?${text}`)

export const target: FuzzTarget = {
  sources: ['metainfo/magnet.ts'],
  words: ['&', 'so=0-9999999', '%', '%E2%80%AE', '%1B', '%ff', 'tr.1=', 'x.pe=[::1]:1', '[::ffff:1.2.3.4]:5'],
  // A link may select ten thousand files, in a few characters.
  maxAllocation: (length) => 2 ** 23 + 1_024 * length,

  seeds: () => [
    link(`xt=urn:btih:${HASH}`),
    link('xt=urn:btih:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&dn=a+b%20%C3%B6'),
    link(
      `xt=urn:btih:${HASH}&tr=http%3A%2F%2Ft%2Fa&tr.1=udp://u:1&ws=https://w/f&x.pe=10.0.0.1:1&x.pe=[::1]:2`,
    ),
    link(`xt.1=urn:btmh:1220&xt.2=urn:btih:${HASH}&x.bitswarm=node.example:3&so=0,2,5-8`),
    link('xt=urn:btmh:1220'),
    link('dn=nothing'),
    new TextEncoder().encode(HASH),
  ],

  run(data) {
    const text = new TextDecoder().decode(data)
    const magnet = accepted(
      () => parseMagnet(text),
      ['meta.malformed', 'meta.missing-field', 'meta.bad-field', 'meta.unsupported'],
    )
    if (magnet === undefined) return
    const written = encodeMagnet(magnet)
    claim(/^[!#-&(-;=?-[\]-_a-z{|}~]*$/.test(written), 'a link that stands between quotes in a shell')
    const again = parseMagnet(written)
    claimSame(again, magnet, 'written, read')
    claimSame(encodeMagnet(again), written, 'written twice')
    describeMagnet(magnet)
  },
}
