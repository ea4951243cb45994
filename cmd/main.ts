/** Arguments in, exit code out. The one place that turns errors into a line for people and a code for scripts. */
import { CommanderError } from 'commander'
import { SwarmError } from '../src/protocol/errors.ts'
import { printable } from '../src/app/terminal-text.ts'
import { normaliseArgv } from './argv.ts'
import type { Env } from './env.ts'
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from './exit-code.ts'
import { buildProgram, optionTable } from './program.ts'

export async function main(env: Env): Promise<number> {
  let code = EXIT_OK
  const program = buildProgram(env, (result) => (code = result))
  try {
    const args = normaliseArgv(env.args, optionTable(program))
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has said what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    complain(env, error)
    return exitCodeOf(error)
  }
}

/** One line on stderr; the stack only of our own bugs. */
export function complain(env: Pick<Env, 'stderr'>, error: unknown): void {
  const text =
    error instanceof SwarmError
      ? printable(error.message)
      : `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  env.stderr.write(`bitswarm: ${text}\n`)
}
