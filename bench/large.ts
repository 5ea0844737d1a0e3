// npm run bench:large [-- --database sqlite|postgres] [-- --users N] [-- --quick]: look-ups of a large house beside those of a small one,
// in turns, and lists and searches of both.
// A million users, three million memberships and ten million grants take some 10 GB of disk and a quarter of an hour.
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { DatabaseAddress } from '../packages/server/src/db/database.ts'
import { type PostgresCluster, startPostgres } from '../tools/postgres.ts'
import { fillHouse, type House } from './house.ts'
import { measureLists } from './lists.ts'
import type { Measured } from './load.ts'
import { lookUpPlan, median, runLoad } from './measure.ts'
import { buildServer, type Running, startLicenseServer } from './processes.ts'
import { machineLine, type Row, table } from './table.ts'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    users: { type: 'string', default: '1000000' },
    quick: { type: 'boolean', default: false },
  },
})
const users = Number(values.users)
if (!Number.isInteger(users) || users < 10_000) throw new Error('--users takes a whole number, from 10000 on.')
if (values.database !== undefined && !['sqlite', 'postgres'].includes(values.database))
  throw new Error('--database takes sqlite or postgres.')

const SMALL = 10_000
const GRANTS_OF_USER = 10
/** Signed in at one time; the same number in both houses. */
const TOKENS = values.quick ? 20_000 : 100_000
const ROUNDS = values.quick ? 1 : 5
const SECONDS = values.quick ? 2 : 10
const WANTED = 1.3

const [before = 0] = loadavg()
await buildServer()
const rows: Row[] = []
if (values.database !== 'postgres') rows.push(...(await measureSqlite()))
if (values.database !== 'sqlite') rows.push(...(await measurePostgres()))
console.log(`\n${table(rows, machineLine(users, before, { grants: GRANTS_OF_USER, tokens: TOKENS }))}`)
process.exitCode = rows.every(({ isMet }) => isMet !== false) ? 0 : 1

async function measureSqlite(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'license-bench-'))
  try {
    const place = (name: string): Place => ({
      address: { kind: 'sqlite', file: join(folder, name, 'license.db') },
      settings: { LICENSE_DATA_DIR: join(folder, name) },
    })
    return await compare('SQLite', place('small'), place('large'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measurePostgres(): Promise<Row[]> {
  await using postgres = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'license-bench-'))
  try {
    return await compare(
      'PostgreSQL',
      await newPlace(postgres, folder, 'small'),
      await newPlace(postgres, folder, 'large'),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Place = { address: DatabaseAddress; settings: Record<string, string> }

async function newPlace(postgres: PostgresCluster, folder: string, name: string): Promise<Place> {
  const url = await postgres.createDatabase(name)
  return {
    address: { kind: 'postgres', url },
    settings: { LICENSE_DATA_DIR: join(folder, name), LICENSE_DATABASE_URL: url },
  }
}

async function compare(on: string, small: Place, large: Place): Promise<Row[]> {
  say(`${on}: a house of ${SMALL} users …`)
  const few = await fillHouse(small.address, SMALL, { grants: GRANTS_OF_USER, tokens: TOKENS })
  say(`${on}: a house of ${users} users …`)
  const many = await fillHouse(large.address, users, { grants: GRANTS_OF_USER, tokens: TOKENS })
  await using one = await startLicenseServer(small.settings)
  await using other = await startLicenseServer(large.settings)
  await look(one, few)
  await look(other, many)
  const smalls: Measured[] = []
  const larges: Measured[] = []
  for (let round = 0; round < ROUNDS; round++) {
    say(`${on}: round ${round + 1} of ${ROUNDS} …`)
    smalls.push(await look(one, few))
    larges.push(await look(other, many))
  }
  say(`${on}: lists and searches …`)
  const lists = [...(await measureLists(on, SMALL, one, few)), ...(await measureLists(on, users, other, many))]
  const share = median(larges.map(({ rate }, round) => (smalls[round]?.rate ?? 0) / rate))
  const looks: Row = {
    what: `a look-up among ${users} users, as so many times one among ${SMALL}`,
    on,
    measured: `${median(larges.map(({ rate }) => rate)).toFixed(0)}/s`,
    beside: `${median(smalls.map(({ rate }) => rate)).toFixed(0)}/s`,
    share,
    wanted: `≤ ${WANTED * 100} %`,
    isMet: share <= WANTED,
    p50: median(larges.map(({ p50 }) => p50)),
    p99: median(larges.map(({ p99 }) => p99)),
  }
  return [looks, ...lists]
}

async function look(server: Running, house: House): Promise<Measured> {
  // The uses that were noted are stored meanwhile, and don't weigh on the other one.
  await sleep(5_500)
  const { permissions: _, ...plan } = lookUpPlan(house, [server.port], SECONDS)
  return runLoad(plan)
}

function say(line: string): void {
  process.stderr.write(`${line} (load ${loadavg()[0]?.toFixed(1)})\n`)
}
