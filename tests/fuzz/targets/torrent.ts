import { parseMetainfo } from '../../../src/metainfo/read-metainfo.ts'
import { parseMetadata } from '../../../src/metainfo/torrent-file.ts'
import { hashes } from '../../support/hashes.ts'
import { folderDict, infoDict, latin1, torrent } from '../../support/torrent.ts'
import { accepted, claimSame } from '../claims.ts'
import { allocationLimit, type FuzzTarget } from '../engine/target.ts'
import { spoilBencode } from '../grammar/bencode-tree.ts'
import { claimMetainfo, META_CODES } from '../metainfo-claims.ts'

const NO_KEYS = {
  trackers: [],
  webSeeds: [],
  bootstrap: [],
  comment: undefined,
  createdBy: undefined,
  creationDate: undefined,
}

export const target: FuzzTarget = {
  sources: [
    'metainfo/torrent-file.ts',
    'metainfo/torrent-keys.ts',
    'metainfo/info.ts',
    'metainfo/paths.ts',
    'metainfo/legacy-text.ts',
    'metainfo/read-metainfo.ts',
  ],
  maxLength: 4_096,
  // It is written and read again ten times.
  maxMs: 200,
  maxAllocation: (length) => 4 * allocationLimit(length),
  words: [
    'announce-list',
    'udp://t:1',
    'http://t/a',
    'shift_jis',
    'windows-1252',
    '_____padding_file_0',
    '..',
    'C:',
  ],
  spoil: spoilBencode,

  seeds: () => [
    torrent(),
    torrent(infoDict({ private: 1, 'name.utf-8': 'ö' }), { announce: 'http://t.example/announce' }),
    torrent(folderDict([['a', 'b'], ['a', 'c'], ['ß']]), {
      announce: 'udp://t.example:1',
      'announce-list': [['udp://t.example:1', 'http://u.example/'], ['http://v.example/a b']],
      'url-list': ['http://w.example/', 'https://x.example/y'],
      'bitswarm-bootstrap': ['10.0.0.1:7', 'node.example:8', '[2001:db8::1]:9'],
      comment: 'é',
      'created by': 'x',
      'creation date': 1_700_000_000,
      unknown: { a: [1, 'b'] },
    }),
    torrent(
      folderDict([
        { path: ['x'], length: 5 },
        { path: ['.pad', '11'], length: 11, attr: 'p' },
        { path: ['.pad', '11'], length: 11, attr: 'p' },
        { path: ['y'], length: 0 },
      ]),
      { encoding: 'windows-1252', comment: latin1('\xe4') },
    ),
    torrent(
      infoDict({ name: latin1('\x83e\x83X'), 'piece length': 1, length: 3, pieces: new Uint8Array(60) }),
      {
        encoding: 'shift_jis',
      },
    ),
    latin1('d4:info d4:name1:ae'),
    torrent(infoDict({ 'file tree': {}, 'meta version': 2, pieces: undefined })),
  ],

  run(data) {
    const meta = accepted(() => parseMetainfo(data, hashes), META_CODES)
    if (meta === undefined) return
    claimMetainfo(meta)
    // Peers send the dictionary alone, without the charset that the file names.
    const sent = accepted(() => parseMetadata(meta.infoBytes, NO_KEYS, hashes), META_CODES)
    if (sent !== undefined) claimSame(sent.infoHash, meta.infoHash, 'the info hash of what peers send')
  },
}
