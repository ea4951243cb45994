/** An input that did what must not happen. */

export interface Finding {
  /** Tells different ones apart: one of each is enough. */
  readonly what: string
  /** The stack, or the figures. */
  readonly details: string
  readonly data: Uint8Array
}

/** What was thrown, without the numbers that are different each time. */
export function signatureOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.split('\n')[0]!.replaceAll(/\d+/g, '#').slice(0, 120)
}

/** Attempts to make a finding shorter. */
const MAX_ATTEMPTS = 2_000

/** Leaves out whatever is not needed. */
export async function shorten(
  data: Uint8Array,
  isSame: (data: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let shortest = data
  let attempts = 0
  for (let size = Math.ceil(data.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < shortest.length && attempts < MAX_ATTEMPTS; attempts++) {
      const shorter = new Uint8Array(Math.max(at, shortest.length - size))
      shorter.set(shortest.subarray(0, at))
      shorter.set(shortest.subarray(at + size), at)
      if (await isSame(shorter)) shortest = shorter
      else at += size
    }
  return shortest
}
