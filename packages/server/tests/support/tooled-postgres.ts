import { delimiter } from 'node:path'
import { type PostgresCluster, startPostgres } from '../../../../tools/postgres.ts'
import { findToolFolder } from '../../../../tools/postgres-binaries.ts'

/** This machine's own PostgreSQL, whose pg_dump fits its server: npm's has none. */
const programs = findToolFolder()

export const skipTools = programs ? false : 'needs a PostgreSQL of this machine with pg_dump, pg_restore and psql'

/** For the command line: where its tools are. */
export const toolPath = { PATH: [programs, process.env.PATH].filter(Boolean).join(delimiter) }

export function startTooledPostgres(): Promise<PostgresCluster> {
  if (!programs) throw new Error(String(skipTools))
  return startPostgres({ programs, fsync: false })
}
