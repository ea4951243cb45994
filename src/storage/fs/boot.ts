/** Identifies the current boot of the machine. */
import { readFile } from 'node:fs/promises'

/** Linux draws one at each boot, random(4). */
const BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** Empty where the system does not tell: then nothing unsynced is trusted after a crash. */
export async function currentBoot(): Promise<string> {
  try {
    return (await readFile(BOOT_ID, 'latin1')).trim()
  } catch {
    return ''
  }
}
