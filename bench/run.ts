// npm run bench [-- --quick] [--database sqlite|postgres] [--users N] [--write]: look-ups and sign-ins beside what the
// machine could do at most, lists, start-up time and memory. Everything in one run, on a house of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DatabaseAddress } from '../packages/server/src/db/database.ts'
import { startPostgres } from '../tools/postgres.ts'
import { type EventLengths, measureEvents } from './events.ts'
import { fillHouse, type House } from './house.ts'
import { measureLists } from './lists.ts'
import {
  type Lengths,
  measureLookUps,
  measureLookUpsAmidSignIns,
  measureMemory,
  measureNodes,
  measureSignIns,
  measureStarts,
} from './measure.ts'
import { buildServer, type Running, startLicenseServer } from './processes.ts'
import { machineLine, type Row, table, writeTable } from './table.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    database: { type: 'string' },
    users: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const users = Number(values.users ?? (values.quick ? 5_000 : 50_000))
if (!Number.isInteger(users) || users < 10) throw new Error('--users takes a whole number, from 10 on.')
if (values.database !== undefined && !['sqlite', 'postgres'].includes(values.database))
  throw new Error('--database takes sqlite or postgres.')
const lengths: Lengths = values.quick
  ? { rounds: 2, seconds: 3, signInSeconds: 3, starts: 3 }
  : { rounds: 5, seconds: 10, signInSeconds: 10, starts: 5 }

const events: EventLengths = values.quick ? { people: 1_000, seconds: 5 } : { people: 10_000, seconds: 20 }

/** Of a house that is asked a hundred times a second. */
const HOUR_OF_REQUESTS = values.quick ? 36_000 : 360_000
const NODES = 4

const [before = 0] = loadavg()
say('Building the server as it is shipped …')
await buildServer()
const rows: Row[] = []
if (values.database !== 'postgres') rows.push(...(await measureSqlite()))
if (values.database !== 'sqlite') rows.push(...(await measurePostgres()))
const lines = table(rows, machineLine(users, before))
console.log(`\n${lines}`)
if (values.write) writeTable(lines)

async function measureSqlite(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'license-bench-'))
  try {
    const address = { kind: 'sqlite', file: join(folder, 'license.db') } as const
    const settings = { LICENSE_DATA_DIR: folder }
    const { rows, house } = await measure('SQLite', address, settings)
    say('SQLite: starting, and idling …')
    const { readyMs, idleMb } = await measureStarts(settings, lengths.starts)
    say(`SQLite: ${HOUR_OF_REQUESTS} requests, and its memory …`)
    const { before: early, after: late } = await measureMemory(settings, house, HOUR_OF_REQUESTS)
    say('SQLite: events …')
    const eventsAt = join(folder, 'events')
    const told = await measureEvents(
      'SQLite',
      { kind: 'sqlite', file: join(eventsAt, 'license.db') },
      { LICENSE_DATA_DIR: eventsAt },
      events,
    )
    return [
      ...rows,
      ...told,
      { what: 'ready after its start', on: 'SQLite', measured: `${readyMs.toFixed(0)} ms`, wanted: '≤ 1000 ms' },
      { what: 'memory, idle', on: 'SQLite', measured: `${idleMb.toFixed(0)} MB`, wanted: '≤ 120 MB' },
      {
        what: `memory of its own, after ${HOUR_OF_REQUESTS} more requests`,
        on: 'SQLite',
        measured: `${late.toFixed(0)} MB`,
        beside: `${early.toFixed(0)} MB before`,
        wanted: '',
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measurePostgres(): Promise<Row[]> {
  await using postgres = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'license-bench-'))
  try {
    const url = await postgres.createDatabase('bench')
    const settings = { LICENSE_DATA_DIR: folder, LICENSE_DATABASE_URL: url }
    const { rows, house } = await measure('PostgreSQL', { kind: 'postgres', url }, settings)
    say('PostgreSQL: events …')
    const eventsUrl = await postgres.createDatabase('bench_events')
    const told = await measureEvents(
      'PostgreSQL',
      { kind: 'postgres', url: eventsUrl },
      { LICENSE_DATA_DIR: join(folder, 'events'), LICENSE_DATABASE_URL: eventsUrl },
      events,
    )
    say(`PostgreSQL: ${NODES} servers, and one …`)
    await using stack = new AsyncDisposableStack()
    const servers: Running[] = []
    while (servers.length < NODES) servers.push(stack.use(await startLicenseServer(settings)))
    const nodes = await measureNodes(servers, house, lengths)
    return [
      ...rows,
      ...told,
      {
        what: `permission look-ups of ${NODES} servers`,
        on: 'PostgreSQL',
        measured: `${nodes.all.toFixed(0)}/s`,
        beside: `one of them ${nodes.one.toFixed(0)}/s`,
        share: nodes.share,
        wanted: '',
        p50: nodes.p50,
        p99: nodes.p99,
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(
  on: string,
  address: DatabaseAddress,
  settings: Record<string, string>,
): Promise<{ rows: Row[]; house: House }> {
  say(`${on}: filling a house of ${users} users …`)
  const house = await fillHouse(address, users)
  await using server = await startLicenseServer(settings)
  say(`${on}: permissions of ${house.tokens.length} tokens in random order …`)
  const looks = await measureLookUps(server, house, lengths)
  say(`${on}: sign-ins …`)
  const signIns = await measureSignIns(server, house, lengths)
  say(`${on}: look-ups while sign-ins saturate …`)
  const amid = await measureLookUpsAmidSignIns(server, house, lengths)
  say(`${on}: lists and searches …`)
  const lists = await measureLists(on, users, server, house)
  const rows: Row[] = [
    {
      what: 'permission look-ups',
      on,
      measured: `${looks.rate.toFixed(0)}/s`,
      beside: `bare node:http ${looks.floor.toFixed(0)}/s`,
      share: looks.share,
      wanted: on === 'SQLite' ? '≥ 25 %' : '',
      p50: looks.p50,
      p99: looks.p99,
    },
    {
      what: 'sign-ins',
      on,
      measured: `${signIns.rate.toFixed(1)}/s`,
      beside: `raw argon2id ${signIns.raw.toFixed(1)}/s`,
      share: signIns.share,
      wanted: '≥ 90 %',
      p50: signIns.p50,
      p99: signIns.p99,
    },
    {
      what: 'look-ups while sign-ins saturate',
      on,
      measured: `p99 ${amid.p99.toFixed(0)} ms`,
      beside: `${amid.signIns.toFixed(1)} sign-ins/s`,
      wanted: 'p99 ≤ 50 ms',
      p50: amid.p50,
      p99: amid.p99,
    },
    ...lists,
  ]
  return { rows, house }
}

function say(line: string): void {
  process.stderr.write(`${line} (load ${loadavg()[0]?.toFixed(1)})\n`)
}
