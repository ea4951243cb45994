/** What the command line says about itself: its introduction, how flags and commands are written, and usage errors. */
import type { Command } from 'commander'

export const INTRODUCTION = `bitswarm moves a big file to many machines with one command and no server to run.

Examples:
  bitswarm -seed model.bin                         writes model.bin.bit, serves model.bin
  bitswarm -get model.bin.bit                      on the same network: finds, downloads and verifies it
  bitswarm -get model.bin.bit -peer 10.0.0.5:20001 from a given address
  bitswarm -dht-listen :10000                      a DHT node for others to join through
  bitswarm -get model.bin.bit -bootstrap 10.0.0.5:10000 -keep -1 | jq .event
  bitswarm ubuntu.torrent isos/                    the same as -get, into a folder
  bitswarm 'magnet:?xt=urn:btih:…'                 from a link alone
  bitswarm inspect ubuntu.torrent                  what is in it

One or two dashes mean the same: -seed f, --seed f, -seed=f.
`

export const CLOSING = `
Each flag can also be set in the environment: BITSWARM_MAX_PEERS=20 is -max-peers 20; a flag wins.
stdout carries one JSON object per line (docs/events.md); text for people goes to stderr.
Exit codes: 0 done or stopped, 1 unexpected, 2 usage, 3 metainfo, 4 no peers or network in time, 5 storage,
6 payload fails verification, 7 a simulation missed a goal, 130 interrupted, 141 the reader of stdout went away.`

/** Flags as the contract writes them: with one dash. */
export function withOneDash(flags: string): string {
  return flags.replaceAll(/--(?=\w)/g, '-')
}

export function usage(command: Command): string {
  return command.parent === null
    ? 'bitswarm [flags] [metainfo] [target]  |  bitswarm <command>'
    : `${nameOf(command)} ${command.usage()}`
}

/** `bitswarm simulate dht`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

/** `error: unknown option '--sed'\n(Did you mean --seed?)` becomes one line that begins with our name, with single dashes. */
export function inOneLine(text: string, command: Command): string {
  const line = withOneDash(text)
    .trim()
    .replace(/^error: |\.$/g, '')
    .replaceAll(/\s*\n\s*/g, ' ')
  return `bitswarm: ${line}; see ${nameOf(command)} -help`
}
