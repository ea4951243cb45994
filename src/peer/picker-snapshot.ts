/** What a picker is about, in figures. */
export interface PickerSnapshot {
  readonly pieceCount: number
  readonly have: number
  readonly wanted: number
  readonly active: number
  readonly pending: number
  /** Bytes of the active pieces. */
  readonly activeBytes: number
  /** Requests outstanding, copies counted. */
  readonly inFlight: number
  readonly isEndgame: boolean
}
