import { existsSync } from 'node:fs'
import type { Drill, Measured } from './support/drill.ts'
import { newPlace } from './support/place.ts'
import { runCommand, type Settings, soonest } from './support/process.ts'
import { seconds } from './support/table.ts'

const WITHIN_MS = 2_000

/** Every setting, wrong in a way that somebody once typed. */
const WRONG: Settings = {
  LICENSE_HOST: 'http://localhost',
  LICENSE_PORT: '80000',
  LICENSE_DATABASE_POOL: '0',
  LICENSE_KEYS: 'open sesame',
  LICENSE_PUBLIC_URL: 'license.example',
  LICENSE_TRUSTED_PROXIES: '10.0.0.0/8, localhost',
  LICENSE_LOG_LEVEL: 'loud',
  LICENSE_TIME_ZONE: 'Mars/Olympus',
  LICENSE_METRICS_ADDRESS: 'http://localhost:9100',
  LICENSE_TOKEN_DAYS: 'thirty',
  LICENSE_TOKEN_IDLE_DAYS: '-1',
  LICENSE_PASSWORD_MIN_LENGTH: '4',
  LICENSE_HASH_CONCURRENCY: '0',
  LICENSE_HASH_QUEUE: '1e3',
  LICENSE_SHUTDOWN_SECONDS: '0',
  LICENSE_DATABSE_URL: 'sqlite:mistyped.db',
}

export const drill: Drill = {
  promise: 'O3',
  title: 'wrong settings: all listed at once, and nothing is made',
  isTimed: true,
  databases: ['sqlite', 'postgres'],
  async run(env) {
    const place = await newPlace(env)
    const address: Settings = env.database === 'sqlite' ? { LICENSE_DATABASE_URL: 'mysql://localhost/license' } : {}
    const all: Settings = { ...place.settings, ...WRONG, ...address }
    const names = [...Object.keys(WRONG), ...Object.keys(address)]
    const lines: Measured[] = []
    const isUntouched = async () =>
      !existsSync(place.folder) && (env.database === 'sqlite' || (await place.query(TABLES)).length === 0)

    for (const command of [['serve'], ['migrate'], ['seed', '-']]) {
      const { code, stderr, ms } = await soonest(WITHIN_MS, () => runCommand(env.stage, command, all, '{}'))
      const told = names.filter((name) => new RegExp(`^  ${name}\\b`, 'm').test(stderr))
      const silent = names.filter((name) => !told.includes(name))
      const untouched = await isUntouched()
      if (silent.length > 0) env.say(`${command[0]} says nothing of ${silent.join(', ')}`)
      lines.push({
        what: `${command[0]} with ${names.length} wrong settings`,
        measured: `${told.length} told, exit code ${code} after ${seconds(ms)}, ${untouched ? 'nothing made' : 'something made'}`,
        wanted: `${names.length} told, exit not 0, <=2 s, nothing made`,
        passed: silent.length === 0 && code !== 0 && code !== null && ms <= WITHIN_MS && untouched,
      })
    }

    // Alone, so that none hides behind the others.
    let accepted = 0
    let slowest = 0
    for (const name of names) {
      const { code, stderr, ms } = await soonest(WITHIN_MS, () =>
        runCommand(env.stage, ['migrate'], { ...place.settings, [name]: all[name] ?? '' }),
      )
      slowest = Math.max(slowest, ms)
      if (code !== 0 && stderr.includes(name) && !/\n\s+at /.test(stderr)) continue
      accepted++
      env.say(`${name}="${all[name]}" alone: exit code ${code}, ${stderr.trim()}`)
    }
    const untouched = await isUntouched()
    lines.push({
      what: `each of the ${names.length} alone`,
      measured: `${accepted} not refused, slowest ${seconds(slowest)}, ${untouched ? 'nothing made' : 'something made'}`,
      wanted: '0, <=2 s, nothing made',
      passed: accepted === 0 && slowest <= WITHIN_MS && untouched,
    })
    return lines
  },
}

const TABLES = "select table_name from information_schema.tables where table_schema = 'public'"
