/** All that the fuzzer has kept, and what it once found, goes through the targets again. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readInputs } from './engine/input-file.ts'
import type { FuzzTarget } from './engine/target.ts'
import { corpusPath, findingsPath, targetNames, targetUrl } from './places.ts'

/** Inputs of a target each of which takes long: the shortest ones. */
const MAX_SLOW = 10

describe.each(targetNames())('%s', async (name) => {
  const { target } = (await import(targetUrl(name))) as { readonly target: FuzzTarget }

  test('holds for what it begins with', async () => {
    for (const seed of [new Uint8Array(), ...target.seeds()]) await target.run(new Uint8Array(seed))
  })

  test('holds for all that leads somewhere else', async () => {
    const inputs = readInputs(corpusPath(name)).slice(0, (target.maxMs ?? 0) < 1_000 ? Infinity : MAX_SLOW)
    expect(inputs.length).toBeGreaterThan(target.seeds().length / 3)
    for (const input of inputs) await target.run(input)
  })

  // What once was slow took hundreds of times as much as others: it would not end in the time that a test has.
  test('holds for what once went wrong', async () => {
    for (const input of readInputs(findingsPath(name))) await target.run(input)
  })
})

test('there is no input without a target', () => {
  for (const path of [corpusPath('x'), findingsPath('x')].map(dirname)) {
    const names = existsSync(path) ? readdirSync(path).map((file) => basename(file, '.txt')) : []
    expect(targetNames()).toEqual(expect.arrayContaining(names))
  }
})
