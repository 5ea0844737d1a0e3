import type { Stage } from './stage.ts'

export type DatabaseKind = 'sqlite' | 'postgres'

/** One promise of docs/promises.md that takes long, or has a time in it. */
export type Drill = {
  promise: string
  title: string
  databases: readonly DatabaseKind[]
  /** Whether nothing but times decides, which a machine that shares its cores can spoil: with --quick such a drill may fail once, and none other runs beside it. */
  isTimed?: boolean
  /** Runs once for each of its databases. */
  run(env: DrillEnv): Promise<Measured[]>
}

export type DrillEnv = {
  database: DatabaseKind
  stage: Stage
  quick: boolean
  /** How often D1 kills. */
  kills: number
  say(line: string): void
}

/** One line of the table. */
export type Measured = { what: string; measured: string; wanted: string; passed: boolean }
