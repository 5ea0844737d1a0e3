import { Ajv, type ValidateFunction } from 'ajv'
import fastJsonStringify, { type Schema } from 'fast-json-stringify'
import type { FastifyInstance, FastifySchema, FastifySchemaValidationError } from 'fastify'

/**
 * Forms of the admin API are compiled when they are used first: there are some two hundred, most processes need a few, and all of
 * them at the start cost half of its time and a quarter of its memory. The libraries are the framework's own.
 */
export function compileLate(app: FastifyInstance): void {
  let ajv: Ajv | undefined
  app.setValidatorCompiler<FastifySchema>(({ schema }) => {
    let compiled: ValidateFunction | undefined
    const validate = (data: unknown): boolean => {
      ajv ??= new Ajv({ coerceTypes: false, removeAdditional: false, addUsedSchema: false })
      compiled ??= ajv.compile(schema)
      const isRight = compiled(data)
      // Where the framework looks for them.
      validate.errors = (compiled.errors ?? null) as FastifySchemaValidationError[] | null // Ajv's have more in them.
      return isRight
    }
    validate.errors = null as FastifySchemaValidationError[] | null
    return validate
  })
  app.setSerializerCompiler<FastifySchema>(({ schema }) => {
    let write: ((data: unknown) => string) | undefined
    return (data) => {
      write ??= fastJsonStringify(schema as Schema) // Of TypeBox, which makes JSON Schema.
      return write(data)
    }
  })
}
