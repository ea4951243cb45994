/**
 * Requests a second that one node answers on one loopback socket, with everything that a datagram of a stranger is
 * checked for, against a bare echo of the same datagrams in the same run (G19).
 */
import { percentile } from '../percentile.ts'
import type { Psk } from './member.ts'
import type { Kind } from './questions.ts'
import { UdpStage } from './udp-stage.ts'

/** The least share of an echo's rate (G19); the design has no goal for announces. */
const OPEN_GOALS: Readonly<Record<Kind, number | undefined>> = {
  ping: 0.9,
  find: 0.6,
  'find+peers': 0.55,
  announce: undefined,
}
/** The design names one goal for signed frames: for the most frequent request. */
const SIGNED_GOAL = 0.4
const MAX_P99_MICROS = 5_000

function goalOf(kind: Kind, psk: Psk): number | undefined {
  if (psk === 'off') return OPEN_GOALS[kind]
  return psk === 'hmac' && kind === 'find' ? SIGNED_GOAL : undefined
}

export interface UdpRow {
  readonly kind: Kind
  readonly psk: Psk
  readonly perSecond: number
  /** Of an echo of the same datagrams. */
  readonly share: number
  readonly goal: number | undefined
  readonly cpuMicros: number
  readonly echoCpuMicros: number
  /** How much of a core the node and the echo had: less than all, and others were the limit. */
  readonly busy: number
  readonly echoBusy: number
  /** At half of `perSecond`. */
  readonly p50Micros: number
  readonly p99Micros: number
  /** Of an echo that is asked as often: what is not of our making. */
  readonly echoP99Micros: number
  readonly questionBytes: number
  readonly answerBytes: number
  readonly lost: number
  /** At half of `perSecond`, too. */
  readonly gcP99Ms: number
  readonly isMet: boolean
}

/** Measures one node in a network of its own; `say` is told of each step. */
export async function measureUdp(
  kinds: readonly Kind[],
  psk: Psk,
  { seconds, say }: { readonly seconds: number; readonly say: (line: string) => void },
): Promise<UdpRow[]> {
  const stage = new UdpStage(psk, seconds)
  try {
    await stage.open(say)
    const rows: UdpRow[] = []
    for (const kind of kinds) {
      const row = await measureKind(stage, kind, psk)
      rows.push(row)
      const echoed = row.perSecond / row.share
      say(`${kind}: ${Math.round(row.perSecond)} answers a second, an echo ${Math.round(echoed)}`)
    }
    return rows
  } finally {
    await stage.close()
  }
}

async function measureKind(stage: UdpStage, kind: Kind, psk: Psk): Promise<UdpRow> {
  // The echo runs before and after, as the machine's speed changes meanwhile.
  const echoBefore = await stage.askEcho({ kind })
  const full = await stage.askNode({ kind })
  const echoAfter = await stage.askEcho({ kind })
  const perSecond = full.answersPerSecond
  const half = await stage.askNode({ kind, perSecond: perSecond / 2 })
  const echoHalf = await stage.askEcho({ kind, perSecond: perSecond / 2 })

  const echoed = (echoBefore.answersPerSecond + echoAfter.answersPerSecond) / 2
  const echoBusy = (echoBefore.busy + echoAfter.busy) / 2
  const share = perSecond / echoed
  const goal = goalOf(kind, psk)
  return {
    kind,
    psk,
    perSecond,
    share,
    goal,
    cpuMicros: (1e6 * full.busy) / perSecond,
    echoCpuMicros: (1e6 * echoBusy) / echoed,
    busy: full.busy,
    echoBusy,
    p50Micros: half.p50Micros,
    p99Micros: half.p99Micros,
    echoP99Micros: echoHalf.p99Micros,
    questionBytes: await stage.questionBytes(kind),
    answerBytes: full.meanAnswerBytes,
    lost: full.lost,
    gcP99Ms: percentile(half.gcPausesMs, 0.99),
    isMet: (goal === undefined || share >= goal) && half.p99Micros < MAX_P99_MICROS,
  }
}
