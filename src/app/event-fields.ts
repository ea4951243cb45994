/** Schemas of event fields: the vocabulary of the table in `events.ts`. */
import * as z from 'zod'
import { ERROR_CODES } from '../protocol/errors.ts'
import type { ErrorCode, ErrorFamily } from '../protocol/errors.ts'

export const count = z.int().min(0)
export const bytes = count.describe('bytes')
export const rate = z.number().min(0).describe('bytes per second')
export const seconds = z.number().min(0)
export const millis = z.number().min(0)
export const piece = count.describe('index of a piece, from 0')
export const port = z.int().min(0).max(65_535)
export const text = z.string()
export const infoHash = z.string().regex(/^[0-9a-f]{40}$/)
export const endpoint = z.string().regex(/^(\[[0-9a-f:.]+(%\w+)?\]|[^\s:[\]]+):\d{1,5}$/)
export const family = z.union([z.literal(4), z.literal(6)])
export const direction = z.enum(['in', 'out'])
export const announceKind = z.enum(['started', 'periodic', 'completed', 'stopped'])
export const peerState = z.enum([
  'not-found',
  'could-be-added',
  'connecting',
  'dead',
  'waiting',
  'choking',
  'downloading',
  'seeding',
])
export const errorCodes = Object.keys(ERROR_CODES) as ErrorCode[]
export const errorCode = z.enum(errorCodes)
export const ERROR_FAMILIES = [
  'ProtocolError',
  'TransportError',
  'StorageError',
  'MetainfoError',
  'ConfigError',
  'PayloadError',
] as const satisfies readonly ErrorFamily[]
