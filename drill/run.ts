// npm run drill [-- --quick] [-- --kills N] [-- NAME …]: what takes long or has a time in it. NAME: a promise (D1) or part of a file's name.
import { parseArgs } from 'node:util'
import { drill as backups } from './backups.ts'
import { drill as boundedWork } from './bounded-work.ts'
import { drill as crowd } from './crowd.ts'
import { drill as deliveriesKilled } from './deliveries-killed.ts'
import { hostile, prompt } from './delivery-times.ts'
import { drill as diskFull } from './disk-full.ts'
import { drill as generatedRequests } from './generated-requests.ts'
import { drill as guessing } from './guessing.ts'
import { drill as imports } from './import.ts'
import { drill as kills } from './kills.ts'
import { drill as nodeKilled } from './node-killed.ts'
import { drill as oneServer } from './one-server.ts'
import { drill as passwords } from './passwords.ts'
import { drill as postgresDown } from './postgres-down.ts'
import { drill as postgresHangs } from './postgres-hangs.ts'
import { drill as refusalTimes } from './refusal-times.ts'
import { drill as restoreKills } from './restore-kills.ts'
import { drill as revocation } from './revocation.ts'
import { drill as rollingRestart } from './rolling-restart.ts'
import { drill as settings } from './settings.ts'
import { drill as signOut } from './sign-out.ts'
import { drill as slowClients } from './slow-clients.ts'
import type { DatabaseKind, Drill, Measured } from './support/drill.ts'
import { Stage } from './support/stage.ts'
import { seconds, table } from './support/table.ts'
import { drill as upgrade } from './upgrade.ts'

const DRILLS: Record<string, Drill> = {
  settings: settings,
  'one-server': oneServer,
  revocation: revocation,
  'sign-out': signOut,
  kills: kills,
  'postgres-down': postgresDown,
  'postgres-hangs': postgresHangs,
  'rolling-restart': rollingRestart,
  'node-killed': nodeKilled,
  passwords: passwords,
  guessing: guessing,
  'refusal-times': refusalTimes,
  crowd: crowd,
  upgrade: upgrade,
  backups: backups,
  'restore-kills': restoreKills,
  import: imports,
  'disk-full': diskFull,
  'bounded-work': boundedWork,
  'generated-requests': generatedRequests,
  'slow-clients': slowClients,
  'deliveries-killed': deliveriesKilled,
  'delivery-times': prompt,
  'hostile-receivers': hostile,
}
const DATABASES: Record<DatabaseKind, string> = { sqlite: 'SQLite', postgres: 'PostgreSQL' }

type Line = Measured & { promise: string; title: string; database: DatabaseKind }

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, kills: { type: 'string', default: '200' } },
})
const wanted = Object.entries(DRILLS).filter(
  ([name, { promise }]) =>
    names.length === 0 || names.some((each) => promise.toLowerCase() === each.toLowerCase() || name.includes(each)),
)

if (wanted.length === 0) {
  console.error(
    `No drill is called ${names.join(' or ')}. There are: ${Object.entries(DRILLS)
      .map(([name, { promise }]) => `${name} (${promise})`)
      .join(', ')}.`,
  )
  process.exitCode = 2
} else if (!/^[1-9]\d{0,3}$/.test(options.kills)) {
  console.error(`--kills is "${options.kills}": it must be a whole number from 1 to 9999.`)
  process.exitCode = 2
} else {
  process.exitCode = await runDrills(wanted.map(([, drill]) => drill))
}

async function runDrills(drills: readonly Drill[]): Promise<number> {
  const startedAt = performance.now()
  await using stage = new Stage()
  process.once('exit', () => stage.clear())
  // `exit` clears up, here and in tools/postgres.ts.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.once(signal, () => process.exit(code))

  const lines: Line[] = []
  for (const drill of drills) {
    const runs: (() => Promise<Line[]>)[] = drill.databases.map((database) => async () => {
      const first = await runDrill(drill, database, stage)
      const isOver = first.every(({ passed }) => passed) || !(options.quick && drill.isTimed)
      return isOver ? first : onceMore(drill, database, stage)
    })
    // Where a figure decides, the machine is its own.
    if (options.quick && !drill.isTimed) lines.push(...(await Promise.all(runs.map((run) => run()))).flat())
    else for (const run of runs) lines.push(...(await run()))
  }
  console.log(`\n${asTable(lines)}\n`)
  const failed = lines.filter((line) => !line.passed).length
  console.log(
    `${lines.length - failed} of ${lines.length} passed in ${seconds(performance.now() - startedAt)}${options.quick ? ' (--quick)' : ''}.`,
  )
  return failed === 0 ? 0 : 1
}

/** The table says so; what fails again fails. */
async function onceMore(drill: Drill, database: DatabaseKind, stage: Stage): Promise<Line[]> {
  console.error(`  ${nameOf(drill, database)} once more: the machine may have been busy with something else`)
  const found = await runDrill(drill, database, stage)
  return found.map((line) => ({ ...line, what: `${line.what} (second try)` }))
}

async function runDrill(drill: Drill, database: DatabaseKind, stage: Stage): Promise<Line[]> {
  const { promise, title } = drill
  const startedAt = performance.now()
  const name = nameOf(drill, database)
  const say = (text: string) => console.error(`  ${name} ${text}`)
  console.error(`${name} ${title}`)
  const measured = await drill
    .run({ database, stage, quick: options.quick, kills: Number(options.kills), say })
    .catch((error: unknown): Measured[] => {
      say(error instanceof Error ? (error.stack ?? error.message) : String(error))
      return [{ what: title, measured: 'the drill broke off: see above', wanted: 'to its end', passed: false }]
    })
  for (const { what, measured: found, passed } of measured) say(`${passed ? '✓' : '✗'} ${what}: ${found}`)
  say(`took ${seconds(performance.now() - startedAt)}`)
  return measured.map((each) => ({ ...each, promise, title, database }))
}

/** Before each line: two may run side by side. */
function nameOf({ promise }: Drill, database: DatabaseKind): string {
  return `${promise} (${DATABASES[database]})`
}

function asTable(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    line.promise,
    line.what,
    DATABASES[line.database],
    line.measured,
    line.wanted,
    line.passed ? '✓' : '✗',
  ])
  return table(['promise', 'what', 'database', 'measured', 'wanted', ''], rows)
}
