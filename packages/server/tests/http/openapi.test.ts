import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { fastify } from 'fastify'
import { type Json, openapiDocument } from '../../../../tools/openapi.ts'
import { openapiFile } from '../../../../tools/write-openapi.ts'
import { openDoor } from '../../src/http/door.ts'
import { routes } from '../../src/http/routes.ts'
import { VERSION } from '../../src/version.ts'
import { startServer } from '../support/server.ts'

const ADDRESS = '/api/v1/openapi.json'
const document: Json = JSON.parse(readFileSync(openapiFile, 'utf8'))
const operations = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
  Object.entries<Json>(methods).map(([method, operation]) => ({ path, method, ...operation })),
)

test('the published description of the API is what the routes say (tools/write-openapi.ts)', async () => {
  assert.deepEqual(document, JSON.parse(JSON.stringify(await openapiDocument())))
})

test('every route is described, but for the pages themselves', async () => {
  await using server = await startServer('sqlite')
  const found: string[] = []
  await using app = fastify({ exposeHeadRoutes: false })
  app.addHook('onRoute', ({ method, url, schema }) => {
    const hidden = (schema as { hide?: boolean } | undefined)?.hide
    if (!hidden || !/^\/(docs|impersonate)\/|^\/api\/v1\/openapi\.json$/.test(url))
      found.push(`${String(method).toLowerCase()} ${url.replace(/:(\w+)/g, '{$1}')}`)
  })
  await app.register(routes(server.ctx, openDoor()))
  await app.ready()
  assert.ok(found.length >= 60)
  assert.deepEqual(operations.map(({ method, path }) => `${method} ${path}`).sort(), found.sort())
})

test('the description is sound: references lead somewhere, parameters and tags are told, schemas and examples hold', () => {
  assert.equal(document.openapi, '3.1.0')
  assert.equal(document.info.version, VERSION)
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } })
  ajv.addKeyword('example')
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>()
  let [references, schemas, examples] = [0, 0, 0]
  const whole = (part: Json): Json => {
    if (typeof part !== 'object' || part === null) return part
    if (Array.isArray(part)) return part.map(whole)
    if (typeof part.$ref === 'string') {
      references++
      const target = part.$ref
        .slice(2)
        .split('/')
        .reduce((at: Json, key: string) => at?.[key], document)
      assert.ok(part.$ref.startsWith('#/') && target !== undefined, `${part.$ref} leads nowhere`)
      return whole(target)
    }
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, whole(value)]))
  }
  const checkSchema = (schema: Json, given: Json[]) => {
    const text = JSON.stringify(schema)
    const holds = compiled.get(text) ?? ajv.compile(schema)
    compiled.set(text, holds)
    schemas++
    for (const example of given) {
      examples++
      assert.ok(holds(example), `${JSON.stringify(example)} is not of ${text}`)
    }
  }
  const tags = document.tags.map((tag: Json) => tag.name)
  for (const operation of operations.map(whole)) {
    const { operationId, path, parameters = [], requestBody, responses, security } = operation
    assert.ok(operation.summary && operation.tags.every((tag: string) => tags.includes(tag)), operationId)
    const placed = parameters.filter((each: Json) => each.in === 'path').map((each: Json) => each.name)
    assert.deepEqual(placed.sort(), [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort(), operationId)
    for (const each of parameters) checkSchema(each.schema, 'example' in each ? [each.example] : [])
    for (const scheme of security.flatMap((each: Json) => Object.keys(each)))
      assert.ok(document.components.securitySchemes[scheme], scheme)
    for (const response of [...Object.values<Json>(responses), ...(requestBody ? [requestBody] : [])])
      for (const { schema, examples: given = {} } of Object.values<Json>(response.content ?? {}))
        checkSchema(
          schema,
          Object.values<Json>(given).map((each) => each.value),
        )
    const statuses = Object.keys(responses)
    assert.ok(
      statuses.some((status) => status.startsWith('2')),
      operationId,
    )
    if (path.startsWith('/api/v1/admin/')) {
      assert.deepEqual(security, [{ apiKey: [] }], operationId)
      assert.ok(Array.isArray(operation['x-powers']) && /^For .*\.$/m.test(operation.description), operationId)
      for (const status of ['400', '401', '403', '503'])
        assert.ok(statuses.includes(status), `${operationId} ${status}`)
    }
  }
  assert.equal(new Set(operations.map((each) => each.operationId)).size, operations.length)
  assert.ok(references > 400 && schemas > 500 && examples > 500, `${references} ${schemas} ${examples}`)
})

test('the description is served as it is published, and only once to who has it', async () => {
  await using server = await startServer('sqlite')
  const first = await fetch(server.url + ADDRESS)
  assert.equal(first.status, 200)
  assert.equal(first.headers.get('content-type'), 'application/json; charset=utf-8')
  assert.equal(first.headers.get('x-content-type-options'), 'nosniff')
  assert.equal(await first.text(), readFileSync(openapiFile, 'utf8'))
  const etag = first.headers.get('etag') ?? ''
  assert.match(etag, /^"[\w-]{24}"$/)
  const of = async (seen: string) => {
    const answer = await fetch(server.url + ADDRESS, { headers: { 'if-none-match': seen } })
    return [answer.status, (await answer.text()).length > 0]
  }
  for (const seen of [etag, `W/${etag}`, `"other", ${etag}`, '*']) assert.deepEqual(await of(seen), [304, false], seen)
  for (const seen of ['"other"', etag.slice(0, -2), '']) assert.deepEqual(await of(seen), [200, true], seen)
  const head = await fetch(server.url + ADDRESS, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('etag'), await head.text()], [200, etag, ''])
  const put = await fetch(server.url + ADDRESS, { method: 'PUT' })
  assert.equal(put.status, 405)
})
