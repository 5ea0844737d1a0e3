import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Context } from '../../context.ts'
import { AppError } from '../../errors.ts'
import { exportHouse } from '../../imports/export-act.ts'
import { adminRoute } from './route.ts'

export function exportRoutes(app: FastifyInstance, ctx: Context): void {
  /** One at a time in this process: each holds a thread and a moment of the database. */
  let isUnderWay = false

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/export',
      operation: 'export',
      rule: { noun: 'export', access: 'read', powers: ['operator'] },
      summary: 'Tells the whole house as lines of JSON, as it is at one moment',
      description:
        'What `license-server export` writes, and `license-server import` reads. It holds password hashes: the key needs the scope `*`. Whole only with its last line, which has `"end": true`.',
      isStream: true,
      answers: {
        200: {
          description: 'Lines of JSON: a header, the rows of each table, an end',
          content: { 'application/x-ndjson': { schema: Type.String() } },
        },
      },
    },
    async ({ by, reply }) => {
      if (isUnderWay)
        throw new AppError('busy', { detail: 'Another export is under way. One runs at a time.', retryAfter: 30 })
      isUnderWay = true
      try {
        const stream = await exportHouse(ctx, by)
        stream.once('close', () => {
          isUnderWay = false
        })
        reply.type('application/x-ndjson; charset=utf-8')
        reply.header('content-disposition', 'attachment; filename="house.ndjson"')
        return reply.send(stream)
      } catch (error) {
        isUnderWay = false
        throw error
      }
    },
  )
}
