import type { CallOptions } from '../deadline.ts'
import { Caller } from './caller.ts'
import type { AdminConnection } from './connection.ts'

export interface ExportCalls {
  'GET /export': { answer: string }
}

/** The whole house, one JSON document a line. */
export function exportHouse(
  connection: AdminConnection,
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  return new Caller<ExportCalls>(connection).lines('GET /export', {}, options)
}
