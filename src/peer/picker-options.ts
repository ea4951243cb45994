/** What a picker is made of. */
import type { PieceGeometry } from '../metainfo/geometry.ts'
import type { Bitfield } from '../protocol/bitfield.ts'
import type { Random } from '../protocol/ports.ts'
import type { OrderName } from './piece-order.ts'

export interface PickerOptions {
  readonly geometry: PieceGeometry
  /** Verified and written pieces. Owned by the picker from now on. */
  readonly have: Bitfield
  readonly order: OrderName
  readonly random: Random
  /** The blocks of an active piece are given up, to make room or to keep blame sole: whoever holds them frees them. */
  readonly onAbandon?: (piece: number) => void
}
