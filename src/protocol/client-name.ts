/** Client names out of peer ids, and our own peer id (BEP 20). */
import { ID_LENGTH, type PeerId } from './ids.ts'
import type { Random } from './ports.ts'

/** Azureus style: `-XX1234-`. Ours is BW. */
const AZUREUS: Readonly<Record<string, string>> = {
  A2: 'aria2',
  AG: 'Ares',
  AZ: 'Vuze',
  BC: 'BitComet',
  BI: 'BiglyBT',
  BT: 'BitTorrent',
  BW: 'bitswarm',
  DE: 'Deluge',
  FD: 'Free Download Manager',
  FL: 'Folx',
  GT: 'anacrolix/torrent',
  KT: 'KTorrent',
  LT: 'libtorrent',
  lt: 'libTorrent (rTorrent)',
  PI: 'PicoTorrent',
  qB: 'qBittorrent',
  rQ: 'rqbit',
  RN: 'rain',
  SD: 'Xunlei',
  TL: 'Tribler',
  TR: 'Transmission',
  TX: 'Tixati',
  UM: 'µTorrent Mac',
  UT: 'µTorrent',
  WD: 'WebTorrent Desktop',
  WW: 'WebTorrent',
  XL: 'Xunlei',
}

/** Shadow style: a letter, then the version in up to five base-64 digits, then dashes. */
const SHADOW: Readonly<Record<string, string>> = {
  A: 'ABC',
  M: 'BitTorrent (mainline)',
  O: 'Osprey Permaseed',
  Q: 'BTQueue',
  R: 'Tribler',
  S: 'Shadow',
  T: 'BitTornado',
  U: 'UPnP NAT Bit Torrent',
}

const UNKNOWN = 'unknown'

/** What the peer's client calls itself in its id, with the version; `unknown` when the id follows no convention. */
export function clientName(peerId: Uint8Array): string {
  const text = String.fromCharCode(...peerId.subarray(0, ID_LENGTH))
  const azureus = /^-([A-Za-z0-9]{2})([A-Za-z0-9]{4})-/.exec(text)
  if (azureus) {
    const [, code, version] = azureus
    return `${nameOf(AZUREUS, code!) ?? code} ${dotted(version!)}`
  }
  const mainline = /^M(\d{1,2})-(\d{1,2})-(\d{1,2})-/.exec(text)
  if (mainline) return `${SHADOW['M']} ${mainline.slice(1).join('.')}`
  const dashed = /^([A-Z][A-Z0-9])-(\d{1,3})-(\d{1,3})-(\d{1,3})-/.exec(text)
  if (dashed && nameOf(AZUREUS, dashed[1]!))
    return `${nameOf(AZUREUS, dashed[1]!)} ${dashed.slice(2).join('.')}`
  const shadow = /^([A-Z])([A-Za-z0-9]{1,5})-+/.exec(text)
  const name = shadow && nameOf(SHADOW, shadow[1]!)
  return name ? `${name} ${[...shadow[2]!].map(digitValue).join('.')}` : UNKNOWN
}

/** A new id for this process: `-BW0100-` for version 0.1.0, then twelve random bytes. */
export function makePeerId(random: Random, version: string): PeerId {
  const id = random.fill(new Uint8Array(ID_LENGTH))
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number)
  const prefix = `-BW${[major, minor, patch, 0].map(digit).join('')}-`
  for (let i = 0; i < prefix.length; i++) id[i] = prefix.charCodeAt(i)
  return id as PeerId
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function digit(value: number): string {
  return DIGITS[Math.min(value, DIGITS.length - 1)] ?? '0'
}

function digitValue(character: string): number {
  return DIGITS.indexOf(character)
}

/** `4610` is 4.6.1: a last zero says nothing. */
function dotted(version: string): string {
  const parts = [...version].map(digitValue)
  if (parts.at(-1) === 0) parts.pop()
  return parts.join('.')
}

function nameOf(table: Readonly<Record<string, string>>, code: string): string | undefined {
  return Object.hasOwn(table, code) ? table[code] : undefined
}
