import { type ColumnDefinitionBuilder, type RawBuilder, sql } from 'kysely'

/** Where the two databases name the same thing differently. One set of migrations is written in these words. */
export type SchemaDialect = {
  text: 'text'
  /** Text that is sorted by code point and found by its beginning. */
  sorted: 'text' | RawBuilder<unknown>
  time: 'bigint' | 'integer'
  count: 'integer'
  flag: 'smallint' | 'integer'
  /** A row number that is never used again. */
  numbered: { type: 'integer'; column(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder }
  /** References can be added to a table that has rows, and are checked in one go then; SQLite knows them from a table's making only. */
  addsReferences: boolean
  /** At the end of a table: column types are held to. */
  strict: RawBuilder<unknown>
  /** The same, and the rows lie in the order of their key. */
  clustered: RawBuilder<unknown>
}

const nothing = sql``

export const schemaDialects: Record<'sqlite' | 'postgres', SchemaDialect> = {
  sqlite: {
    text: 'text',
    sorted: 'text',
    time: 'integer',
    count: 'integer',
    flag: 'integer',
    numbered: { type: 'integer', column: (column) => column.primaryKey().autoIncrement() },
    addsReferences: false,
    strict: sql`strict`,
    clustered: sql`strict, without rowid`,
  },
  postgres: {
    text: 'text',
    sorted: sql`text collate "C"`,
    time: 'bigint',
    count: 'integer',
    flag: 'smallint',
    numbered: { type: 'integer', column: (column) => column.primaryKey().generatedAlwaysAsIdentity() },
    addsReferences: true,
    strict: nothing,
    clustered: nothing,
  },
}
