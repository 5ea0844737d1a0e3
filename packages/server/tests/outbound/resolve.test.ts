import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeResolve } from '../../src/outbound/resolve.ts'

const A = 1
const AAAA = 28
const NOT_THERE = 3
const FAILED = 2

const folder = mkdtempSync(join(tmpdir(), 'license-hosts-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const hostsFile = join(folder, 'hosts')
writeFileSync(
  hostsFile,
  '# ours\n127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\n10.1.2.3  Inside.Test inside # a comment.test\n',
)

/** A DNS server of a few names: addresses, an error, or silence. */
async function startDns(names: Record<string, string[] | number | null>) {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += length + 1
    }
    const name = labels.join('.').toLowerCase()
    const type = query.readUInt16BE(at + 1)
    const found = names[name] === undefined ? NOT_THERE : names[name]
    asked.push(`${name} ${type}`)
    if (found === null) return
    const addresses = typeof found === 'number' ? [] : found.filter((each) => each.includes(':') === (type === AAAA))
    const head = Buffer.from(query.subarray(0, 12))
    head.writeUInt16BE(0x8180 | (typeof found === 'number' ? found : 0), 2)
    head.writeUInt16BE(addresses.length, 6)
    head.writeUInt16BE(0, 10)
    const records = addresses.map((address) => {
      const data = type === A ? Buffer.from(address.split('.').map(Number)) : Buffer.alloc(16, 0xfd)
      const record = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length])
      return Buffer.concat([record, data])
    })
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...records]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server = `127.0.0.1:${socket.address().port}`
  return { server, asked, [Symbol.dispose]: () => void socket.close() }
}

test('a name is looked for in the hosts file, then in DNS by both kinds of address', async () => {
  using dns = await startDns({
    'both.test': ['93.184.215.14', '10.0.0.1', 'fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd'],
    'four.test': ['93.184.215.14'],
    'none.test': [],
    'broken.test': FAILED,
  })
  const resolve = makeResolve({ servers: [dns.server], hostsFile, tryMs: 200 })
  const never = new AbortController().signal
  assert.deepEqual(await resolve('localhost', never), ['127.0.0.1', '::1'])
  assert.deepEqual(await resolve('inside.test', never), ['10.1.2.3'])
  assert.deepEqual(dns.asked, [])
  assert.deepEqual(await resolve('both.test', never), [
    '93.184.215.14',
    '10.0.0.1',
    'fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd',
  ])
  assert.deepEqual(dns.asked.sort(), [`both.test ${A}`, `both.test ${AAAA}`])
  assert.deepEqual(await resolve('four.test', never), ['93.184.215.14'])
  for (const name of ['none.test', 'missing.test', 'comment.test', 'bad..test'])
    assert.deepEqual(await resolve(name, never), [])
  await assert.rejects(resolve('broken.test', never))
})

test('a DNS server that is silent is waited for no longer than the call has', async () => {
  using dns = await startDns({ 'silent.test': null })
  const resolve = makeResolve({ servers: [dns.server], hostsFile, tryMs: 60_000 })
  await assert.rejects(resolve('silent.test', AbortSignal.timeout(50)))
  await assert.rejects(resolve('silent.test', AbortSignal.abort()))
})
