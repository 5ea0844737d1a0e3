import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import type { DatabaseAddress } from './db/database.ts'
import { isNetwork } from './domain/address.ts'
import { isTimeZone } from './domain/day.ts'
import { PASSWORD_MIN_FLOOR } from './domain/password-policy.ts'
import { type KeyRing, readKeyRing } from './keys/ring.ts'

export type Config = {
  host: string
  port: number
  dataDir: string
  database: DatabaseAddress
  databasePool: number
  /** Undefined: `<data>/keys.json`, made at first run. */
  keys: KeyRing | undefined
  /** LICENSE_KEYS_FILE, where `keys` was read from. */
  keysFile: string | undefined
  publicUrl: string
  trustedProxies: readonly string[]
  /** Networks that are not public, and where addresses that somebody entered may lead all the same. */
  allowedNetworks: readonly string[]
  /** The License server that this one takes over from, without `/api/v1` and without a slash at its end. */
  upstream: string | undefined
  logLevel: LogLevel
  timeZone: string
  metrics: { host: string; port: number } | undefined
  tokenDays: number
  tokenIdleDays: number
  passwordMinLength: number
  /** Hashes computed at once, and sign-ins that may wait for their turn. */
  hashConcurrency: number
  hashQueue: number
  hashWaitSeconds: number
  shutdownSeconds: number
  /** How long to serve on after saying "not ready", before the end. */
  drainSeconds: number
  /** How long audit entries are kept; 0: for good. */
  auditDays: number
  /** How long events can be read by the feed. */
  eventDays: number
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
type LogLevel = (typeof LOG_LEVELS)[number]

type Read = { value: string | undefined; fault?: string }

const SETTINGS = [
  'HOST',
  'PORT',
  'DATA_DIR',
  'DATABASE_URL',
  'DATABASE_POOL',
  'KEYS',
  'PUBLIC_URL',
  'TRUSTED_PROXIES',
  'ALLOWED_NETWORKS',
  'UPSTREAM',
  'LOG_LEVEL',
  'TIME_ZONE',
  'METRICS_ADDRESS',
  'TOKEN_DAYS',
  'TOKEN_IDLE_DAYS',
  'PASSWORD_MIN_LENGTH',
  'HASH_CONCURRENCY',
  'HASH_QUEUE',
  'HASH_WAIT_SECONDS',
  'SHUTDOWN_SECONDS',
  'DRAIN_SECONDS',
  'AUDIT_DAYS',
  'EVENT_DAYS',
] as const
type Setting = (typeof SETTINGS)[number]

/** Those that may hold a secret can be given as a file's name instead, as container platforms do. */
const FILE_SETTINGS: readonly Setting[] = ['DATABASE_URL', 'KEYS']

/** Settings of the client's command line, which share our prefix. */
const FOREIGN = new Set(['LICENSE_SERVER', 'LICENSE_API_KEY'])

/** Wrong settings, all of them. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Reads `LICENSE_*` variables. @throws ConfigError with every wrong one. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const faults: string[] = []
  const text = (name: Setting): string | undefined => {
    const { value, fault } = readSetting(env, name)
    if (fault) faults.push(fault)
    return value
  }
  const whole = (name: Setting, fallback: number, min: number, max: number): number => {
    const value = text(name)
    if (value === undefined) return fallback
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    faults.push(`LICENSE_${name} is "${value}": it must be a whole number from ${min} to ${max}.`)
    return fallback
  }
  const seconds = (name: Setting, fallback: number, min: number, max: number): number => {
    const value = text(name)
    if (value === undefined) return fallback
    const number = /^\d{1,6}(\.\d{1,3})?$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    faults.push(`LICENSE_${name} is "${value}": it must be seconds from ${min} to ${max}, such as ${fallback}.`)
    return fallback
  }
  const choice = <T extends string>(name: Setting, choices: readonly T[], fallback: T): T => {
    const value = text(name)
    if (value === undefined) return fallback
    const found = choices.find((each) => each === value)
    if (!found) faults.push(`LICENSE_${name} is "${value}": it must be one of ${choices.join(', ')}.`)
    return found ?? fallback
  }

  const port = whole('PORT', 8000, 0, 65_535)
  const dataDir = resolve(text('DATA_DIR') ?? 'data')
  const database = readDatabase(text('DATABASE_URL'), dataDir, faults)
  const config: Config = {
    host: readHost(text('HOST'), faults),
    port,
    dataDir,
    database,
    databasePool: whole('DATABASE_POOL', 10, 1, 500),
    keys: readKeys(text('KEYS'), faults),
    keysFile: keysFile(env),
    publicUrl: readPublicUrl(text('PUBLIC_URL'), port, faults),
    trustedProxies: readNetworks('TRUSTED_PROXIES', text('TRUSTED_PROXIES'), faults),
    allowedNetworks: readNetworks('ALLOWED_NETWORKS', text('ALLOWED_NETWORKS'), faults),
    upstream: text('UPSTREAM'),
    logLevel: choice('LOG_LEVEL', LOG_LEVELS, 'info'),
    timeZone: text('TIME_ZONE') ?? 'UTC',
    metrics: readAddress(text('METRICS_ADDRESS'), faults),
    tokenDays: whole('TOKEN_DAYS', 30, 1, 3650),
    tokenIdleDays: whole('TOKEN_IDLE_DAYS', 14, 0, 3650),
    passwordMinLength: whole('PASSWORD_MIN_LENGTH', 12, PASSWORD_MIN_FLOOR, 128),
    // One more than there are cores: it is ready when another ends while this process is busy, with a commit say.
    hashConcurrency: whole('HASH_CONCURRENCY', availableParallelism() + 1, 1, 256),
    hashQueue: whole('HASH_QUEUE', 100, 0, 100_000),
    // Whoever is refused after it has an answer within two seconds.
    hashWaitSeconds: seconds('HASH_WAIT_SECONDS', 1.5, 0.1, 600),
    shutdownSeconds: whole('SHUTDOWN_SECONDS', 25, 1, 600),
    // On SQLite there is no other node to send anybody to.
    drainSeconds: whole('DRAIN_SECONDS', database.kind === 'postgres' ? 3 : 0, 0, 600),
    auditDays: whole('AUDIT_DAYS', 0, 0, 36_500),
    eventDays: whole('EVENT_DAYS', 30, 1, 3650),
  }
  if (!isTimeZone(config.timeZone)) {
    faults.push(`LICENSE_TIME_ZONE is "${config.timeZone}": it must be an IANA name such as Europe/Brussels.`)
  }
  config.upstream = readUpstream(config, faults)
  faults.push(...unknownSettings(env))
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

/** The settings of this process. Nothing else reads the environment. */
export function ownEnvironment(): Record<string, string | undefined> {
  return process.env
}

function readSetting(env: Record<string, string | undefined>, name: Setting): Read {
  const direct = env[`LICENSE_${name}`]?.trim() || undefined
  const file = FILE_SETTINGS.includes(name) ? env[`LICENSE_${name}_FILE`]?.trim() || undefined : undefined
  if (file === undefined) return { value: direct }
  if (direct !== undefined) {
    return { value: direct, fault: `LICENSE_${name} and LICENSE_${name}_FILE are both set: leave one out.` }
  }
  try {
    return { value: readFileSync(file, 'utf8').trim() }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException // What the file system throws.
    return { value: undefined, fault: `LICENSE_${name}_FILE names ${file}, which can't be read (${code}).` }
  }
}

function unknownSettings(env: Record<string, string | undefined>): string[] {
  const known = new Set<string>(SETTINGS.map((name) => `LICENSE_${name}`))
  for (const name of FILE_SETTINGS) known.add(`LICENSE_${name}_FILE`)
  return Object.keys(env)
    .filter((name) => name.startsWith('LICENSE_') && !known.has(name) && !FOREIGN.has(name))
    .map((name) => `${name} is no setting. Known are: ${[...known].join(', ')}.`)
}

function readKeys(json: string | undefined, faults: string[]): KeyRing | undefined {
  if (json === undefined) return undefined
  try {
    return readKeyRing(json)
  } catch (error) {
    faults.push(`LICENSE_KEYS: ${(error as Error).message}`)
    return undefined
  }
}

function keysFile(env: Record<string, string | undefined>): string | undefined {
  const file = env.LICENSE_KEYS_FILE?.trim()
  return file ? resolve(file) : undefined
}

function readHost(value: string | undefined, faults: string[]): string {
  if (value === undefined || isHost(value)) return value ?? '127.0.0.1'
  faults.push(`LICENSE_HOST is "${value}": it must be an address or a name to listen on, such as 127.0.0.1 or 0.0.0.0.`)
  return '127.0.0.1'
}

function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)
}

function readDatabase(url: string | undefined, dataDir: string, faults: string[]): DatabaseAddress {
  const fallback: DatabaseAddress = { kind: 'sqlite', file: join(dataDir, 'license.db') }
  if (url === undefined) return fallback
  if (url.startsWith('sqlite:')) {
    const file = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
    if (file !== '') return { kind: 'sqlite', file: resolve(file) }
  }
  // The address is not repeated: it holds a password.
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return { kind: 'postgres', url }
  faults.push('LICENSE_DATABASE_URL must be sqlite:<file> or postgres://user:password@host/database.')
  return fallback
}

function readPublicUrl(value: string | undefined, port: number, faults: string[]): string {
  if (value === undefined) return `http://localhost:${port}`
  const url = URL.canParse(value) ? new URL(value) : undefined
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username
  if (isPlain) return value.replace(/\/+$/, '')
  // Without what stands before an @: that may be a password.
  const shown = value.replace(/^.*@/, '…@')
  faults.push(`LICENSE_PUBLIC_URL is "${shown}": it must be an http or https address such as https://license.example.`)
  return `http://localhost:${port}`
}

/** Its users' passwords go there: in the clear only where the operator opened the network. */
function readUpstream({ upstream, publicUrl, allowedNetworks }: Config, faults: string[]): string | undefined {
  if (upstream === undefined) return undefined
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username && !url.password
  // Without what stands before an @: that may be a password.
  const shown = upstream.replace(/^.*@/, '…@')
  if (!isPlain) {
    faults.push(
      `LICENSE_UPSTREAM is "${shown}": it must be the old server's address, such as https://old-license.example.`,
    )
    return undefined
  }
  if (url.protocol === 'http:' && allowedNetworks.length === 0)
    faults.push(
      `LICENSE_UPSTREAM is "${shown}": it must begin with https://; plain http goes to networks alone that LICENSE_ALLOWED_NETWORKS opens.`,
    )
  if (URL.canParse(publicUrl) && new URL(publicUrl).origin === url.origin)
    faults.push(`LICENSE_UPSTREAM is "${shown}": that is this server itself (LICENSE_PUBLIC_URL).`)
  return upstream.replace(/\/+$/, '').replace(/\/api\/v1$/, '')
}

function readNetworks(name: Setting, value: string | undefined, faults: string[]): string[] {
  const networks = (value ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  for (const network of networks) {
    if (!isNetwork(network)) {
      faults.push(
        `LICENSE_${name}: "${network}" is no address or network; write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32.`,
      )
    }
  }
  return networks
}

function readAddress(value: string | undefined, faults: string[]): { host: string; port: number } | undefined {
  if (value === undefined) return undefined
  const [, host = '', port = ''] = /^(?:\[?([^\]]*?)\]?:)?(\d{1,5})$/.exec(value) ?? []
  if (port !== '' && Number(port) <= 65_535 && (host === '' || isHost(host)))
    return { host: host || '127.0.0.1', port: Number(port) }
  faults.push(`LICENSE_METRICS_ADDRESS is "${value}": it must be host:port such as 127.0.0.1:9100.`)
  return undefined
}
