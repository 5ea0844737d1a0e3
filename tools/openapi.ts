// What the server's routes say of themselves, as one OpenAPI 3.1 document.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { type FastifySchema, fastify, type RouteOptions } from 'fastify'
import { readConfig } from '../packages/server/src/config.ts'
import { createContext, createLog } from '../packages/server/src/context.ts'
import type { PowerKind, Rule } from '../packages/server/src/domain/power.ts'
import { openDoor } from '../packages/server/src/http/door.ts'
import { routes } from '../packages/server/src/http/routes.ts'
import type { Told } from '../packages/server/src/http/told.ts'
import { refusals } from './openapi-refusals.ts'
import { EXAMPLES, HEAD, NAMED, NAMES, READY, TAGS } from './openapi-texts.ts'

// biome-ignore lint/suspicious/noExplicitAny: parts of a JSON document, which a test holds against OpenAPI's own schema.
export type Json = any

/** The whole document. @throws Error when a route says too little to be described */
export async function openapiDocument(): Promise<Json> {
  const folder = mkdtempSync(join(tmpdir(), 'license-openapi-'))
  try {
    const config = readConfig({ LICENSE_DATA_DIR: folder, LICENSE_LOG_LEVEL: 'fatal' })
    await using ctx = await createContext(config, { migrates: 'always', log: createLog(config) })
    await using app = fastify()
    const told = new Map<string, Told>()
    await app.register(swagger, {
      openapi: { ...HEAD, tags: TAGS } as Json,
      convertConstToEnum: false,
      transform: ({ schema, url, route }) => {
        if (schema?.hide) return { schema, url }
        const known = toldOf(route)
        if (told.has(known.operation)) throw new Error(`Two routes call themselves ${known.operation}.`)
        told.set(known.operation, known)
        return { schema: describe(schema ?? {}, known, (route.config as { rule?: Rule } | undefined)?.rule), url }
      },
    })
    await app.register(routes(ctx, openDoor()))
    await app.ready()
    return finish(structuredClone(app.swagger()), told)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function toldOf({ method, url, config }: RouteOptions): Told {
  const told = config?.told
  if (told && /^[a-z][A-Za-z]*(\.[a-z][A-Za-z]*)?$/.test(told.operation)) return told
  throw new Error(`${method} ${url} has no operation such as users.list.`)
}

/** With what the route reads by itself, and who may call it. */
function describe(schema: FastifySchema, told: Told, rule: Rule | undefined): FastifySchema {
  const object = (properties: object) => ({
    type: 'object',
    properties,
    required: Object.entries(properties)
      .filter(([, each]) => !('~optional' in each))
      .map(([name]) => name),
  })
  const headers = {
    ...told.headers,
    ...(told.errors.includes('condition_required')
      ? { 'If-Match': { type: 'string', description: 'The `ETag` of what was read before' } }
      : {}),
  }
  return {
    ...schema,
    operationId: told.operation,
    ...(told.params ? { params: object(told.params) } : {}),
    ...(told.body ? { body: told.body } : {}),
    ...(told.answers ? { response: told.answers } : {}),
    ...(Object.keys(headers).length > 0 ? { headers: object(headers) } : {}),
    ...(rule ? ofRule(schema, rule) : told.errors.length > 0 ? { security: ofApplication(told) } : { security: [] }),
  }
}

function ofRule({ description }: FastifySchema, { noun, access, powers }: Rule): object {
  const scope = noun === 'whoami' ? null : `${noun}:${access}`
  const who = `For ${powers.map((power: PowerKind) => NAMES[power]).join(', ')}. ${scope ? `Scope: \`${scope}\`.` : 'No scope is needed.'}`
  return {
    description: description ? `${description}\n\n${who}` : who,
    security: [{ apiKey: [] }],
    'x-powers': powers,
    'x-scope': scope,
  }
}

/** With a secret where the application has one. */
function ofApplication({ errors, needsSecret }: Told): object[] {
  const plain = { application: [], ...(errors.includes('invalid_token') ? { session: [] } : {}) }
  const proved = { ...plain, applicationSecret: [] }
  return needsSecret ? [proved] : [plain, proved]
}

function finish(document: Json, told: Map<string, Told>): Json {
  const responses = new Map<string, Json>()
  const tags = new Set<string>()
  for (const [path, methods] of Object.entries<Json>(document.paths))
    for (const [method, operation] of Object.entries<Json>(methods)) {
      const known = told.get(operation.operationId)
      if (!known) throw new Error(`${method} ${path} is not known`)
      for (const [status, response] of Object.entries<Json>(operation.responses)) {
        if (response.description === 'Default Response') response.description = status === '503' ? READY : 'Done'
        if (status.startsWith('2')) addHeaders(response, known)
      }
      for (const tag of operation.tags) tags.add(tag)
      addExamples(operation)
      if (operation.security.length === 0) continue
      for (const [status, { name, response }] of refusals(known, { method, path })) {
        responses.set(name, response)
        operation.responses[status] = { $ref: `#/components/responses/${name}` }
      }
    }
  document.tags = document.tags.filter((tag: { name: string }) => tags.has(tag.name))
  if (document.tags.length < tags.size) throw new Error(`A tag of ${[...tags].join(', ')} has no description.`)
  document.components.responses = sorted(responses)
  for (const [name, place] of Object.entries(NAMED)) nameSchema(document, name, place)
  document.components.schemas = sorted(new Map(Object.entries(document.components.schemas)))
  return document
}

function sorted(found: Map<string, Json>): Json {
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const HEADERS = {
  location: { description: 'Where it is', schema: { type: 'string' } },
  etag: { description: 'Of this state: a change names it as `If-Match`', schema: { type: 'string' } },
}

function addHeaders(response: Json, { tells = [] }: Told): void {
  if (tells.length > 0)
    response.headers = Object.fromEntries(tells.map((each) => [each === 'etag' ? 'ETag' : 'Location', HEADERS[each]]))
}

/** By the names of fields and parameters, where they fit, so that the pages have something to begin with. */
function addExamples(operation: Json, ajv = new Ajv2020({ strict: false, logger: false })): void {
  const fits = (name: string, schema: Json) => name in EXAMPLES && ajv.validate(schema, EXAMPLES[name])
  for (const parameter of operation.parameters ?? [])
    if (fits(parameter.name, parameter.schema)) parameter.example ??= EXAMPLES[parameter.name]
  const visit = (part: Json) => {
    if (typeof part !== 'object' || part === null) return
    for (const [name, schema] of Object.entries<Json>(part.properties ?? {}))
      if (fits(name, schema)) schema.examples ??= [EXAMPLES[name]]
    for (const each of Object.values(part)) visit(each)
  }
  visit(operation.requestBody)
}

/** Gives a name to what is answered at a place (`users.list[]`: an item of its list), and refers to it wherever the same stands. */
function nameSchema(document: Json, name: string, place: string): void {
  const [operation, isItem] = [place.replace('[]', ''), place.endsWith('[]')]
  const found = Object.values<Json>(document.paths)
    .flatMap((methods) => Object.values<Json>(methods))
    .find((each) => each.operationId === operation)
  const answer = found && (found.responses[200] ?? found.responses[201]).content['application/json'].schema
  const schema = isItem ? answer?.properties.items.items : answer
  if (!schema || '$ref' in schema) throw new Error(`There is nothing to be named at ${place}.`)
  const text = JSON.stringify(schema)
  document.paths = replaced(document.paths, text, { $ref: `#/components/schemas/${name}` })
  document.components.schemas[name] = JSON.parse(text)
}

function replaced(part: Json, text: string, by: Json): Json {
  if (typeof part !== 'object' || part === null) return part
  if (JSON.stringify(part) === text) return by
  if (Array.isArray(part)) return part.map((each) => replaced(each, text, by))
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, replaced(value, text, by)]))
}
