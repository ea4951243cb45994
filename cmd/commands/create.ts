/** `bitswarm create`: a metainfo file for a file or folder. */
import { check, readSetting } from '../../src/app/config.ts'
import { createMetainfo, toHex } from '../../src/app/library.ts'
import { basename, exists, refuseUnwritable, replaceFile, resolve } from '../../src/app/node/files.ts'
import { metainfoUrls, path as pathForm } from '../../src/app/setting-forms.ts'
import type { RawValue } from '../../src/app/setting-value.ts'
import { printable } from '../../src/app/terminal-text.ts'
import type { Env } from '../env.ts'
import { EXIT_OK } from '../exit-code.ts'
import { encoderFor } from '../metainfo-format.ts'
import { IDLE, Screen } from '../screen.ts'

export async function create(
  env: Env,
  given: string,
  options: Readonly<Record<string, RawValue | undefined>>,
): Promise<number> {
  const path = resolve(env.cwd, given)
  const out = resolve(env.cwd, check('-o', pathForm, options['out']) ?? `${path}.bit`)
  const encode = encoderFor(out)
  const pieceLength = readSetting('pieceLength', options['pieceLength'], env.variables)
  const trackers = check('-tracker', metainfoUrls, options['tracker']) ?? []
  const webSeeds = check('-web-seed', metainfoUrls, options['webSeed']) ?? []
  const comment = options['comment'] as string | undefined
  // What is not there is named when it is to be read.
  if (await exists(path)) await refuseUnwritable(out)
  const screen = new Screen(env, { quiet: options['quiet'] === true })
  const metainfo = await createMetainfo(path, {
    pieceLength,
    // Each has a tier of its own: tried in the order in which they were given (BEP 12).
    trackers: trackers.map((url) => [url]),
    webSeeds,
    isPrivate: options['private'] === true,
    ...(comment !== undefined && { comment }),
    onProgress: (bytesHave: number, length: number) =>
      screen.show({ ...IDLE, name: basename(path), length, bytesHave, activity: 'hashing' }),
  }).finally(() => screen.clear())
  await replaceFile(out, encode(metainfo))
  env.stdout.write(`${toHex(metainfo.infoHash)}  ${printable(out)}\n`)
  return EXIT_OK
}
