import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

// biome-ignore lint/suspicious/noExplicitAny: parts of a JSON document, which tests/http/openapi.test.ts holds sound.
export type Json = any

export type Parameter = {
  in: 'path' | 'query' | 'header'
  name: string
  required: boolean
  schema: Json
  holds: ValidateFunction
}

export type Operation = {
  id: string
  method: string
  path: string
  parameters: Parameter[]
  body: { schema: Json; holds: ValidateFunction } | undefined
  /** By status, then by media type; empty where nothing is in the body. */
  answers: Map<number, { types: Map<string, ValidateFunction>; headers: string[]; codes: string[] }>
}

/** The published description, ready to make requests of and to hold answers against. References are resolved. */
export function readOperations(): Operation[] {
  const document: Json = JSON.parse(readFileSync(new URL('../../../schema/openapi.json', import.meta.url), 'utf8'))
  const ajv = new Ajv2020({ strict: false, allErrors: false, formats: { 'date-time': isMoment } })
  const compiled = new Map<string, ValidateFunction>()
  const compile = (schema: Json) => {
    const text = JSON.stringify(schema)
    const holds = compiled.get(text) ?? ajv.compile(schema)
    compiled.set(text, holds)
    return holds
  }
  const whole = (part: Json): Json => {
    if (typeof part !== 'object' || part === null) return part
    if (Array.isArray(part)) return part.map(whole)
    if (typeof part.$ref === 'string')
      return whole(
        part.$ref
          .slice(2)
          .split('/')
          .reduce((at: Json, key: string) => at[key], document),
      )
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, whole(value)]))
  }
  return Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, raw]) => {
      const operation = whole(raw)
      const schema = operation.requestBody?.content['application/json'].schema
      return {
        id: operation.operationId,
        method: method.toUpperCase(),
        path,
        parameters: (operation.parameters ?? []).map((each: Json) => ({ ...each, holds: compile(each.schema) })),
        body: schema && { schema, holds: compile(schema) },
        answers: new Map(
          Object.entries<Json>(operation.responses).map(([status, { content = {}, headers = {} }]) => [
            Number(status),
            {
              types: new Map(Object.entries<Json>(content).map(([type, media]) => [type, compile(media.schema)])),
              headers: Object.keys(headers),
              codes: Object.keys(content['application/problem+json']?.examples ?? {}),
            },
          ]),
        ),
      }
    }),
  )
}

function isMoment(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text))
}
