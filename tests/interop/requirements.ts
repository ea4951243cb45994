/** What a suite needs besides Node. In CI, a missing requirement is a failure, not a reason to skip. */
import { existsSync, readFileSync } from 'node:fs'
import { env } from 'node:process'

const MUST_BE_THERE = env['CI'] !== undefined && env['CI'] !== ''

export interface Requirement {
  readonly name: string
  /** What it says its version is; undefined when it is not there. */
  version(): string | undefined
}

export interface Requirements {
  /** The title with the versions, or with what is missing. */
  readonly title: string
  readonly isSkipped: boolean
}

export function requirements(title: string, needed: readonly Requirement[]): Requirements {
  const versions = needed.map((requirement) => ({ name: requirement.name, version: requirement.version() }))
  const missing = versions.filter(({ version }) => version === undefined).map(({ name }) => name)
  if (missing.length > 0 && !MUST_BE_THERE)
    return { title: `${title}: skipped without ${missing.join(', ')}`, isSkipped: true }
  const found = versions.map(({ name, version }) =>
    version?.includes(name) ? version : `${name} ${version}`,
  )
  return { title: `${title} (${found.join(', ')})`, isSkipped: false }
}

/** The version of a package in this folder's own node_modules; undefined when it is not installed. */
export function packageVersion(name: string): string | undefined {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url)
  if (!existsSync(file)) return undefined
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
