import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { type Config, ConfigError, readConfig } from '../../src/config.ts'

const KEY = Buffer.alloc(32, 7).toString('base64')
const RING = JSON.stringify({ current: 'a', keys: { a: KEY } })

const folder = mkdtempSync(join(tmpdir(), 'license-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

function faults(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    assert.equal(error.message, error.faults.join('\n'))
    return error.faults
  }
  return []
}

test('without a setting it serves here only, on port 8000, from ./data', () => {
  assert.deepEqual(readConfig({ PATH: '/bin', LICENSE_SERVER: 'https://license.example', LICENSE_API_KEY: 'x' }), {
    host: '127.0.0.1',
    port: 8000,
    dataDir: resolve('data'),
    database: { kind: 'sqlite', file: resolve('data/license.db') },
    databasePool: 10,
    keys: undefined,
    keysFile: undefined,
    publicUrl: 'http://localhost:8000',
    trustedProxies: [],
    allowedNetworks: [],
    upstream: undefined,
    logLevel: 'info',
    timeZone: 'UTC',
    metrics: undefined,
    tokenDays: 30,
    tokenIdleDays: 14,
    passwordMinLength: 12,
    hashConcurrency: availableParallelism() + 1,
    hashQueue: 100,
    hashWaitSeconds: 1.5,
    shutdownSeconds: 25,
    drainSeconds: 0,
    auditDays: 0,
    eventDays: 30,
  } satisfies Config)
})

test('an empty setting is none', () => {
  const names = [
    'HOST',
    'PORT',
    'DATABASE_URL',
    'DATABASE_URL_FILE',
    'KEYS',
    'PUBLIC_URL',
    'TRUSTED_PROXIES',
    'ALLOWED_NETWORKS',
    'METRICS_ADDRESS',
    'UPSTREAM',
  ]
  const empty = Object.fromEntries(names.map((name) => [`LICENSE_${name}`, ' ']))
  assert.deepEqual(readConfig(empty), readConfig({}))
})

// One row a setting: what it is read as, and what is refused.
const GOOD: [string, string, Partial<Config>][] = [
  ['HOST', '0.0.0.0', { host: '0.0.0.0' }],
  ['HOST', '::', { host: '::' }],
  ['HOST', 'license.internal', { host: 'license.internal' }],
  ['PORT', '0', { port: 0, publicUrl: 'http://localhost:0' }],
  ['PORT', ' 65535 ', { port: 65_535, publicUrl: 'http://localhost:65535' }],
  ['DATABASE_URL', 'sqlite:/var/x.db', { database: { kind: 'sqlite', file: '/var/x.db' } }],
  ['DATABASE_URL', 'sqlite:///var/x.db', { database: { kind: 'sqlite', file: '/var/x.db' } }],
  ['DATABASE_URL', 'sqlite:x.db', { database: { kind: 'sqlite', file: resolve('x.db') } }],
  [
    'DATABASE_URL',
    'postgres://u:p@h/d',
    { database: { kind: 'postgres', url: 'postgres://u:p@h/d' }, drainSeconds: 3 },
  ],
  [
    'DATABASE_URL',
    'postgresql://h/d?sslmode=require',
    { database: { kind: 'postgres', url: 'postgresql://h/d?sslmode=require' }, drainSeconds: 3 },
  ],
  ['DATABASE_POOL', '500', { databasePool: 500 }],
  ['PUBLIC_URL', 'https://license.example/', { publicUrl: 'https://license.example' }],
  ['PUBLIC_URL', 'https://house.example/license//', { publicUrl: 'https://house.example/license' }],
  [
    'TRUSTED_PROXIES',
    '10.0.0.0/8, 192.0.2.7,,2001:db8::/32',
    { trustedProxies: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'] },
  ],
  ['ALLOWED_NETWORKS', '10.20.0.0/16,fd00:1::/64 ,', { allowedNetworks: ['10.20.0.0/16', 'fd00:1::/64'] }],
  ['UPSTREAM', 'https://old.example', { upstream: 'https://old.example' }],
  ['UPSTREAM', 'https://old.example/license/api/v1/', { upstream: 'https://old.example/license' }],
  ['LOG_LEVEL', 'debug', { logLevel: 'debug' }],
  ['TIME_ZONE', 'Europe/Brussels', { timeZone: 'Europe/Brussels' }],
  ['METRICS_ADDRESS', '9100', { metrics: { host: '127.0.0.1', port: 9100 } }],
  ['METRICS_ADDRESS', '0.0.0.0:9100', { metrics: { host: '0.0.0.0', port: 9100 } }],
  ['METRICS_ADDRESS', '[::1]:9100', { metrics: { host: '::1', port: 9100 } }],
  ['TOKEN_DAYS', '1', { tokenDays: 1 }],
  ['TOKEN_IDLE_DAYS', '0', { tokenIdleDays: 0 }],
  ['PASSWORD_MIN_LENGTH', '8', { passwordMinLength: 8 }],
  ['HASH_CONCURRENCY', '1', { hashConcurrency: 1 }],
  ['HASH_QUEUE', '0', { hashQueue: 0 }],
  ['HASH_WAIT_SECONDS', '0.25', { hashWaitSeconds: 0.25 }],
  ['HASH_WAIT_SECONDS', '600', { hashWaitSeconds: 600 }],
  ['SHUTDOWN_SECONDS', '600', { shutdownSeconds: 600 }],
  ['DRAIN_SECONDS', '600', { drainSeconds: 600 }],
]

const WRONG: [string, string[], RegExp][] = [
  ['HOST', ['http://x', 'a b', '-', 'x:1'], /must be an address or a name/],
  ['PORT', ['-1', '65536', '80a', '8e3', '0x50', '1.5', 'http', '٣'], /must be a whole number from 0 to 65535/],
  [
    'DATABASE_URL',
    ['sqlite:', 'mysql://u:canary@h/d', 'postgres', 'canary', 'postgres://u:canary@h:port/d'],
    /must be sqlite:<file> or postgres/,
  ],
  ['DATABASE_POOL', ['0', '501'], /from 1 to 500/],
  [
    'KEYS',
    ['canary', '{}', '{"current":"a","keys":{"a":"canary"}}', `{"current":"${KEY}","keys":{"a":"${KEY}"}}`],
    /The key ring must be/,
  ],
  [
    'PUBLIC_URL',
    ['license.example', 'ftp://x', 'https://u:canary@x', 'https://x/?a=1', 'https://x/#a', 'javascript:x'],
    /must be an http or https address/,
  ],
  [
    'UPSTREAM',
    ['old.example', 'ftp://old.example', 'https://u:canary@old.example', 'https://old.example/?a=1'],
    /must be the old server's address/,
  ],
  [
    'TRUSTED_PROXIES',
    ['10.0.0.0/33', 'proxy', '10.0.0', '::/129', '1.2.3.4/', '10.0.0.0/8/8'],
    /is no address or network/,
  ],
  [
    'ALLOWED_NETWORKS',
    ['10.0.0.0/33', 'router.local', '*', '10.0.0.0-10.0.0.9', 'fe80::1%eth0'],
    /is no address or network/,
  ],
  ['LOG_LEVEL', ['verbose', 'INFO', '3'], /must be one of fatal, error/],
  ['TIME_ZONE', ['Mars/Olympus', 'Brussels', '+25:00'], /must be an IANA name/],
  ['METRICS_ADDRESS', ['x', '127.0.0.1:', '127.0.0.1:70000', 'a b:9100'], /must be host:port/],
  ['TOKEN_DAYS', ['0', '3651'], /from 1 to 3650/],
  ['TOKEN_IDLE_DAYS', ['-1', '3651'], /from 0 to 3650/],
  ['PASSWORD_MIN_LENGTH', ['7', '129'], /from 8 to 128/],
  ['HASH_CONCURRENCY', ['0', '257'], /from 1 to 256/],
  ['HASH_QUEUE', ['-1', '100001'], /from 0 to 100000/],
  [
    'HASH_WAIT_SECONDS',
    ['0', '0.05', '601', '1.5s', '1,5', '1e1', '.5', '-1'],
    /must be seconds from 0.1 to 600, such as 1.5/,
  ],
  ['SHUTDOWN_SECONDS', ['0', '601'], /from 1 to 600/],
  ['DRAIN_SECONDS', ['-1', '601'], /from 0 to 600/],
]

for (const [name, value, expected] of GOOD) {
  test(`LICENSE_${name} may be ${value}`, () => {
    assert.deepEqual(readConfig({ [`LICENSE_${name}`]: value }), { ...readConfig({}), ...expected })
  })
}

for (const [name, values, sentence] of WRONG) {
  test(`LICENSE_${name} is refused where it is wrong`, () => {
    for (const value of values) {
      const [fault = '', ...more] = faults({ [`LICENSE_${name}`]: value })
      assert.match(fault, sentence, value)
      assert.ok(fault.includes(`LICENSE_${name}`), fault)
      assert.deepEqual(more, [])
      assert.ok(!fault.includes('canary') && !fault.includes(KEY), fault)
    }
  })
}

test('the server that this one takes over from is asked in the clear only in networks that are opened, and is not this one', () => {
  const old = { LICENSE_UPSTREAM: 'http://10.1.2.3' }
  assert.match(faults(old)[0] ?? '', /must begin with https:\/\/; plain http goes to networks alone/)
  assert.equal(readConfig({ ...old, LICENSE_ALLOWED_NETWORKS: '10.0.0.0/8' }).upstream, 'http://10.1.2.3')
  const own = { LICENSE_PUBLIC_URL: 'https://license.example', LICENSE_UPSTREAM: 'https://license.example/' }
  assert.match(faults(own)[0] ?? '', /that is this server itself/)
})

test('all wrong settings are told at once', () => {
  const env = Object.fromEntries(WRONG.map(([name, [value = '']]) => [`LICENSE_${name}`, value]))
  const told = faults({ ...env, LICENSE_PROT: '80' })
  assert.equal(told.length, WRONG.length + 1)
  for (const [name, , sentence] of WRONG) {
    assert.ok(
      told.some((fault) => fault.includes(`LICENSE_${name}`) && sentence.test(fault)),
      name,
    )
  }
})

test('a setting that there is not is told, with those that there are, without its value', () => {
  const told = faults({ LICENSE_PASSWORD: 'canary', LICENSE_Port: '80', LICENSE_HOST_FILE: '/canary' })
  assert.equal(told.length, 3)
  for (const fault of told)
    assert.match(fault, /^LICENSE_\w+ is no setting\. Known are: LICENSE_HOST, LICENSE_PORT, .*LICENSE_KEYS_FILE/)
  assert.ok(!told.join().includes('canary'))
})

test('what may hold a secret can come as a file', () => {
  const url = file('url', 'postgres://u:p@h/d\n')
  const keys = file('keys', `\n${RING}\n`)
  const config = readConfig({ LICENSE_DATABASE_URL_FILE: url, LICENSE_KEYS_FILE: keys })
  assert.deepEqual(config.database, { kind: 'postgres', url: 'postgres://u:p@h/d' })
  assert.deepEqual(config.keys, readConfig({ LICENSE_KEYS: RING }).keys)
  assert.equal(config.keys?.current, 'a')
})

test('such a file that is missing, empty, wrong or beside the setting itself is told', () => {
  assert.deepEqual(faults({ LICENSE_KEYS_FILE: join(folder, 'none') }), [
    `LICENSE_KEYS_FILE names ${join(folder, 'none')}, which can't be read (ENOENT).`,
  ])
  assert.match(faults({ LICENSE_KEYS_FILE: folder })[0] ?? '', /can't be read \(EISDIR\)/)
  // An empty one must not read as "make a new ring".
  assert.match(faults({ LICENSE_KEYS_FILE: file('empty', '\n') })[0] ?? '', /The key ring must be/)
  assert.match(faults({ LICENSE_DATABASE_URL_FILE: file('empty', '\n') })[0] ?? '', /must be sqlite:<file> or postgres/)
  const wrong = file('wrong', '{"current":"canary"}')
  assert.deepEqual(
    [faults({ LICENSE_KEYS_FILE: wrong }).length, faults({ LICENSE_KEYS_FILE: wrong }).join().includes('canary')],
    [1, false],
  )
  assert.deepEqual(faults({ LICENSE_KEYS: RING, LICENSE_KEYS_FILE: file('keys', RING) }), [
    'LICENSE_KEYS and LICENSE_KEYS_FILE are both set: leave one out.',
  ])
})
