/** Which ids attackers take under their second addresses, and which of those they name when they are asked. */
import { ID_LENGTH, type NodeId } from '../../../protocol/ids.ts'
import type { SeededRandom } from '../random.ts'
import { Oracle } from './oracle.ts'

/** Contacts in a reply. */
export const NAMED = 8

/** An id that whoever lives at a place, `0 … places - 1`, has for those who look for one target. */
export interface Disguised {
  readonly id: NodeId
  readonly place: number
}

export interface Disguise {
  /** Whom attackers name who are asked for nodes near `target`. */
  name(target: Uint8Array): readonly Disguised[]
  /** Undefined where a place has no id for that target. */
  idAt(place: number, target: Uint8Array): NodeId | undefined
}

/** Leading bytes that a fabricated id has in common with the target: nobody else is so near. */
const FABRICATED_PREFIX = 8

/** Any of them, each right beside the target. */
export class BesideTarget implements Disguise {
  readonly #places: number
  readonly #random: SeededRandom

  constructor(places: number, random: SeededRandom) {
    this.#places = places
    this.#random = random
  }

  name(target: Uint8Array): readonly Disguised[] {
    const places = new Set<number>()
    while (places.size < Math.min(NAMED, this.#places)) places.add(this.#random.int(this.#places))
    return [...places].map((place) => ({ place, id: this.idAt(place, target) }))
  }

  /** Always the same for one target and place: nearer to the target than any id that chance gives. */
  idAt(place: number, target: Uint8Array): NodeId {
    const id = target.slice() as NodeId
    id[FABRICATED_PREFIX]! ^= 0x80 | (place & 0x7f)
    id[FABRICATED_PREFIX + 1]! ^= (place >>> 7) & 0xff
    id[FABRICATED_PREFIX + 2]! ^= (place >>> 15) & 0xff
    return id
  }
}

/** Bytes of a distance that are looked at: the space in parts of 2^-48. */
const DISTANCE_BYTES = 6
/**
 * From one disguised id to the next, by the usual distance between nodes. Nearer together they are more often noticed,
 * farther apart they leave more of the true nearest among them: of what was tried, from a sixth to one and a half, a
 * third did most harm.
 */
const SPACING = 1 / 3

/** The same eight for all who ask for one target, nearer than most honest nodes, and not too near together. */
export class Spaced implements Disguise {
  readonly #places: number
  /** From one to the next, as a share of the space. */
  readonly #spacing: number

  /** @param nodes how many nodes there are */
  constructor(places: number, nodes: number) {
    this.#places = places
    this.#spacing = SPACING / nodes
  }

  name(target: Uint8Array): readonly Disguised[] {
    const first = this.#firstPlace(target)
    return Array.from({ length: Math.min(NAMED, this.#places) }, (_, rank) => {
      const place = (first + rank) % this.#places
      return { place, id: this.#idOf(rank, target) }
    })
  }

  idAt(place: number, target: Uint8Array): NodeId | undefined {
    const rank = (place - this.#firstPlace(target) + this.#places) % this.#places
    return rank < NAMED ? this.#idOf(rank, target) : undefined
  }

  #firstPlace(target: Uint8Array): number {
    return ((target[0]! << 16) | (target[1]! << 8) | target[2]!) % this.#places
  }

  #idOf(rank: number, target: Uint8Array): NodeId {
    const id = target.slice() as NodeId
    let distance = Math.floor((rank + 0.5) * this.#spacing * 2 ** (8 * DISTANCE_BYTES))
    for (let at = DISTANCE_BYTES - 1; at >= 0; at--) {
      id[at]! ^= distance % 256
      distance = Math.floor(distance / 256)
    }
    return id
  }
}

/** Ids that a rule leaves to each address. */
const FACES = 8

/** Each place has eight ids that chance gave, and is asked under the one nearest to the target. */
export class Manifold implements Disguise {
  readonly #faces = new Oracle<Disguised>()
  readonly #byPlace: Oracle<Disguised>[] = []

  constructor(places: number, random: SeededRandom) {
    const all = Array.from({ length: places * FACES }, (_, at) => ({
      place: Math.floor(at / FACES),
      id: random.fill(new Uint8Array(ID_LENGTH)) as NodeId,
    }))
    this.#faces.addAll(all)
    for (let at = 0; at < all.length; at += FACES) {
      const own = new Oracle<Disguised>()
      own.addAll(all.slice(at, at + FACES))
      this.#byPlace.push(own)
    }
  }

  name(target: Uint8Array): readonly Disguised[] {
    const places = new Set<number>()
    return this.#faces.closest(
      target,
      NAMED,
      ({ place }) => !places.has(place) && places.add(place) !== undefined,
    )
  }

  idAt(place: number, target: Uint8Array): NodeId {
    return this.#byPlace[place]!.closest(target, 1)[0]!.id
  }
}
