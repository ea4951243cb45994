/** Writes docs/events.md and docs/events.schema.json from the event table. `npm run docs`; a test fails when they are stale. */
import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { EVENTS, LOG_LINE } from '../src/app/events.ts'

export const SCHEMA_PATH = 'docs/events.schema.json'
export const TABLE_PATH = 'docs/events.md'

interface FieldSchema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly { readonly const?: unknown }[]
  readonly items?: FieldSchema
  readonly description?: string
}

/** The JSON Schema of one line. Further fields are allowed: a later version may add some. */
export function eventSchema(): string {
  const schema = z.toJSONSchema(LOG_LINE, {
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties
    },
  })
  const { $schema, ...rest } = schema
  const title = 'One line on the stdout of bitswarm'
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`
}

export function eventTable(): string {
  const rows = EVENTS.map(({ name, level, meaning, schema }) => {
    const { properties = {}, required = [] } = z.toJSONSchema(schema)
    const fields = Object.entries(properties)
      .filter(([field]) => field !== 'event')
      .map(([field, shape]) => describeField(field, shape as FieldSchema, required.includes(field)))
    return `| \`${name}\` | ${level} | ${fields.join(', ')} | ${meaning} |`
  })
  return `# Events

Every line on stdout is one JSON object with \`level\`, \`ts\` (RFC 3339, UTC, whole seconds), \`event\` and the fields below; a
field with a question mark may be missing. Names and fields are public and versioned with the program: a minor version may
add events and fields, only a major one may remove or change them. As JSON Schema: [events.schema.json](events.schema.json).

Endpoints are \`host:port\` or \`[v6]:port\`, info hashes are 40 hex digits, lengths are in bytes, rates in bytes per second.
This file is written by \`npm run docs\` from \`src/app/events.ts\`.

| event | level | fields | meaning |
|---|---|---|---|
${rows.join('\n')}
`
}

function describeField(name: string, shape: FieldSchema, isRequired: boolean): string {
  const choices = shape.enum ?? shape.anyOf?.map((choice) => choice.const)
  const few = choices !== undefined && choices.length <= 4 ? ` (${choices.join(', ')})` : ''
  return `\`${name}${shape.type === 'array' ? '[]' : ''}${isRequired ? '' : '?'}\`${few}`
}

if (import.meta.main) {
  writeFileSync(SCHEMA_PATH, eventSchema())
  writeFileSync(TABLE_PATH, eventTable())
}
