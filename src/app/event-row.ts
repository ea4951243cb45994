/** A row of the table of events: name, level, meaning, fields. */
import * as z from 'zod'
import { LEVEL, type EventLevel, type EventName } from './event-level.ts'

export interface EventRow<Name extends EventName, Shape extends z.core.$ZodShape> {
  readonly name: Name
  readonly level: EventLevel
  readonly meaning: string
  readonly schema: z.ZodObject<{ readonly event: z.ZodLiteral<Name> } & Shape, z.core.$strict>
}

export function event<Name extends EventName, Shape extends z.core.$ZodShape>(
  name: Name,
  meaning: string,
  shape: Shape,
): EventRow<Name, Shape> {
  return { name, level: LEVEL[name], meaning, schema: z.strictObject({ event: z.literal(name), ...shape }) }
}
