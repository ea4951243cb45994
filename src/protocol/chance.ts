/** Random choices, so that machines do not all do the same. */
import type { Millis, Random } from './ports.ts'

/** `wait`, longer or shorter by up to `share` of it, so that nodes that started together spread out. */
export function spread(wait: Millis, share: number, random: Random): Millis {
  return wait * (1 + share * (2 * random.float() - 1))
}

/** Puts `items` in another order, each as likely as any (Fisher and Yates), and returns them. */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const drawn = random.int(last + 1)
    const item = items[last]!
    items[last] = items[drawn]!
    items[drawn] = item
  }
  return items
}
