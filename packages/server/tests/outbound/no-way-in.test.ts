import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import { connect } from 'node:net'
import os from 'node:os'
import { test } from 'node:test'
import { AppError } from '../../src/errors.ts'
import { callOutside } from '../../src/outbound/call.ts'
import { requireCallable } from '../../src/outbound/require-callable.ts'
import type { Resolve } from '../../src/outbound/resolve.ts'
import { answer, countSockets, startReceiver } from './receivers.ts'

// Where a machine has one loopback address there are no two receivers of one port.
const skip = process.platform === 'linux' ? false : 'needs all of 127.0.0.0/8'
const NOBODY = { allowedNetworks: [] }
const noDns: Resolve = async () => assert.fail('a literal is no name')

/** Every way to write 127.0.0.1 that some parser takes, and other addresses that lead inside. */
const LITERALS = [
  ...['127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7F.1', '0x7f.0x0.0x0.0x1', '0177.0.0.1'],
  ...[
    '017700000001',
    '0177.1',
    '127.0.0.1.',
    '0x7f.1.',
    '%31%32%37.0.0.1',
    '127%2e0%2E0.1',
    '１２７.０.０.１',
    '127。0。0。1',
  ],
  ...['①②⑦.0.0.1', '127.0.0.2', '127.255.255.254', '0', '0.0.0.0', '0x0', '00000.0', '[::]', '[::1]'],
  ...['[0:0:0:0:0:0:0:1]', '[0000::0001]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::FFFF:7F00:0001]'],
  ...['[0:0:0:0:0:ffff:127.0.0.1]', '[::127.0.0.1]', '[::7f00:1]', '[64:ff9b::127.0.0.1]', '[64:ff9b:1::7f00:1]'],
  ...['[2002:7f00:1::]', '[2001:0:7f00:1::]', '[::ffff:0:127.0.0.1]', '10.0.0.1', '167772161', '012.0.0.1', '0xa.1'],
  ...['172.16.0.1', '192.168.0.1', '192.168.257', '100.64.0.1', '169.254.169.254', '2852039166', '0xa9fea9fe'],
  ...[
    '169.254.43518',
    '[::ffff:169.254.169.254]',
    '[fd00:ec2::254]',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
  ],
  ...['192.0.2.1', '198.18.0.1', '203.0.113.9', '224.0.0.1', '240.0.0.1', '255.255.255.255', '[fe80::1]', '[fc00::1]'],
  ...['[ff02::1]', '[2001:db8::1]', '[3fff::1]', '[fec0::1]', '[100::1]'],
]

/** What no parser should make an address of, or what says more than an address. */
const NO_ADDRESSES = [
  ...[
    '',
    'localhost',
    '127.0.0.1',
    '//127.0.0.1/',
    'https:',
    'https://',
    'https:///',
    'https://./',
    'https://[::1',
    'https://[::1%25lo]/',
  ],
  ...[
    'https://256.0.0.1/',
    'https://1.2.3.4.5/',
    'https://0x7g.1/',
    'https://127.0.0.1:65536/',
    'https://exa mple.test/',
  ],
  ...[
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'javascript:alert(1)',
    'data:,x',
    'unix:/run/x.sock',
  ],
  ...[
    'https://127.0.0.1\\@site.example/',
    'https:\\\\127.0.0.1\\',
    ' https://127.0.0.1/',
    'https://127.0.0.1/\n',
    'ht\ttps://x/',
  ],
  ...[
    'https://anna@site.example/',
    'https://anna:pw@site.example/',
    'https://:pw@site.example/',
    'https://site.example#@127.0.0.1/',
  ],
  ...['https://site.example/#x', `https://site.example/${'x'.repeat(2_000)}`, 'https://site.example/\u0000'],
]

test('no spelling of an address leads into the house, on any port, by https or http; nothing is even begun', async () => {
  await using v4 = await startReceiver(undefined, { host: '0.0.0.0' })
  using sockets = countSockets()
  for (const host of LITERALS) {
    for (const url of [
      `https://${host}/`,
      `http://${host}/x?y=1`,
      `https://${host}:${v4.port}/`,
      `http://${host}:${v4.port}`,
    ]) {
      const outcome = await callOutside({ url, method: 'POST', body: '{}' }, { ...NOBODY, resolve: noDns })
      assert.equal(outcome.kind, 'refused_address', url)
      assert.match(outcome.kind === 'refused_address' ? outcome.fault : '', /LICENSE_ALLOWED_NETWORKS/)
      await assert.rejects(
        requireCallable(url, { ...NOBODY, resolve: noDns }),
        isRefusal(/leads to this server or/),
        url,
      )
    }
  }
  assert.deepEqual([v4.connections, sockets.count], [0, 0])

  // Its twin: both counters count.
  const opened = { allowedNetworks: ['127.0.0.0/8'] }
  for (const host of ['127.0.0.1', '0x7f.1', '2130706433', '127.0.0.1.', '[::ffff:127.0.0.1]']) {
    const outcome = await callOutside({ url: `http://${host}:${v4.port}/`, method: 'POST' }, opened)
    assert.equal(outcome.kind === 'answered' && outcome.status, 204, host)
  }
  assert.deepEqual([v4.connections, sockets.count], [5, 5])
})

test('what is no address of a web server is called nowhere, and a person is told why', async () => {
  using sockets = countSockets()
  const resolve: Resolve = async () => ['127.0.0.1']
  for (const url of NO_ADDRESSES) {
    const outcome = await callOutside({ url, method: 'GET' }, { allowedNetworks: ['0.0.0.0/0', '::/0'], resolve })
    assert.equal(outcome.kind, 'refused_address', url)
    await assert.rejects(requireCallable(url, { allowedNetworks: ['0.0.0.0/0', '::/0'], resolve }), isRefusal(/./), url)
  }
  assert.equal(sockets.count, 0)
})

test("this machine's own addresses are inside, however public", async (t) => {
  using sockets = countSockets()
  const urls = ['https://93.184.215.14/', 'https://[2606:4700::1111]:8443/']
  for (const url of urls) assert.equal(await requireCallable(url, NOBODY), url)
  const own = [{ address: '93.184.215.14' }, { address: '2606:4700:0::1111' }, { address: 'fe80::1%eth0' }]
  t.mock.method(os, 'networkInterfaces', () => ({ eth0: own }))
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  for (const url of urls) {
    assert.equal((await callOutside({ url, method: 'GET' }, NOBODY)).kind, 'refused_address', url)
    await assert.rejects(requireCallable(url, NOBODY), isRefusal(/leads to this server or/))
    assert.equal(await requireCallable(url, { allowedNetworks: ['93.184.215.14', '2606:4700::/32'] }), url)
  }
  assert.equal(sockets.count, 0)
})

// What a name is resolved to, and what becomes of a call by https.
const NAMES: [string[], 'refused' | 'asked'][] = [
  [['127.0.0.1'], 'refused'],
  [['::1'], 'refused'],
  [['10.0.0.5'], 'refused'],
  [['::ffff:10.0.0.5'], 'refused'],
  [['fe80::1%eth0'], 'refused'],
  [['no address'], 'refused'],
  // One way in is enough.
  [['93.184.215.14', '127.0.0.1'], 'refused'],
  [['2606:4700::1111', '93.184.215.14', '169.254.169.254'], 'refused'],
  [[...Array.from({ length: 50 }, () => '93.184.215.14'), '10.0.0.1'], 'refused'],
  [['127.0.0.7'], 'asked'],
]

test('a name is as good as the worst of its addresses', async () => {
  const options = { allowedNetworks: ['127.0.0.7'], connectMs: 2_000 }
  for (const [addresses, expected] of NAMES) {
    using sockets = countSockets()
    const resolve: Resolve = async () => addresses
    const call = { url: 'https://site.test:1/', method: 'GET' } as const
    const outcome = await callOutside(call, { ...options, resolve })
    assert.equal(outcome.kind, expected === 'refused' ? 'refused_address' : 'failed', addresses.join())
    assert.equal(sockets.count, expected === 'refused' ? 0 : 1)
    const required = requireCallable(call.url, { ...options, resolve })
    if (expected === 'refused') await assert.rejects(required, isRefusal(/leads to this server or/))
    else assert.equal(await required, call.url)
  }
})

test('a name that leads elsewhere when it is asked again is asked once, and called at what was checked', {
  skip,
}, async () => {
  await using checked = await startReceiver(undefined, { host: '127.0.0.7' })
  await using inside = await startReceiver(undefined, { host: '127.0.0.1', port: checked.port })
  let asked = 0
  const resolve: Resolve = async () => {
    asked += 1
    return asked === 1 ? ['127.0.0.7'] : ['127.0.0.1']
  }
  const call = { url: `http://rebinding.test:${checked.port}/`, method: 'POST', body: 'x' } as const
  const first = await callOutside(call, { allowedNetworks: ['127.0.0.7'], resolve })
  assert.equal(first.kind === 'answered' && first.status, 204)
  assert.equal(asked, 1)
  assert.match(
    checked.received,
    new RegExp(`^POST / HTTP/1.1\\r\\n[^]*Host: rebinding\\.test:${checked.port}\\r\\n`, 'i'),
  )
  // The next call looks again, and finds that it leads inside by now.
  assert.equal((await callOutside(call, { allowedNetworks: ['127.0.0.7'], resolve })).kind, 'refused_address')
  assert.deepEqual([asked, checked.connections, inside.connections], [2, 1, 0])
})

test('a redirect into the house is an answer, and is not followed', { skip }, async () => {
  await using inside = await startReceiver(undefined, { host: '127.0.0.1' })
  for (const status of [301, 302, 303, 307, 308]) {
    const location = `http://127.0.0.1:${inside.port}/`
    const head = `HTTP/1.1 ${status} There\r\nLocation: ${location}\r\nRefresh: 0; url=${location}\r\nContent-Length: 0\r\n\r\n`
    await using outside = await startReceiver(answer(head), { host: '127.0.0.7' })
    const url = `http://127.0.0.7:${outside.port}/`
    const outcome = await callOutside({ url, method: 'POST', body: '{}' }, { allowedNetworks: ['127.0.0.7'] })
    assert.ok(outcome.kind === 'answered' && outcome.status === status && outcome.headers.location === location)
    assert.equal(outside.connections, 1)
  }
  assert.equal(inside.connections, 0)
})

test('plain http goes to opened networks alone', async () => {
  using sockets = countSockets()
  const resolve: Resolve = async () => ['93.184.215.14']
  for (const url of ['http://site.example/', 'http://93.184.215.14/', 'http://[2606:4700::1111]/']) {
    const outcome = await callOutside({ url, method: 'GET' }, { ...NOBODY, resolve })
    assert.ok(outcome.kind === 'refused_address' && /must begin with https/.test(outcome.fault), url)
    await assert.rejects(requireCallable(url, { ...NOBODY, resolve }), isRefusal(/must begin with https/))
    assert.equal(
      await requireCallable(url.replace('http', 'https'), { ...NOBODY, resolve }),
      url.replace('http', 'https'),
    )
  }
  assert.equal(sockets.count, 0)
})

test('an address is stored in its one spelling; a host without an address is told of, DNS that is silent is not', async () => {
  const at = (addresses: string[]) => ({ ...NOBODY, resolve: async () => addresses })
  assert.equal(
    await requireCallable('HTTPS://Site.Example:443/a b'.replace(' ', '%20'), at(['93.184.215.14'])),
    'https://site.example/a%20b',
  )
  await assert.rejects(
    requireCallable('https://site.exampel/', at([])),
    isRefusal(/^\/body\/url names a host that has no address/),
  )
  await assert.rejects(requireCallable('https://10.0.0.1/', NOBODY, '/body/base'), isRefusal(/^\/body\/base leads to/))
  const silent = async () => Promise.reject(new Error('no answer'))
  assert.equal(await requireCallable('https://site.example/', { ...NOBODY, resolve: silent }), 'https://site.example/')
})

test('a connection counts where it should', async () => {
  // What the counters above rest on.
  await using receiver = await startReceiver()
  using sockets = countSockets()
  const socket = connect(receiver.port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.destroy()
  assert.equal(sockets.count, 1)
})

function isRefusal(message: RegExp) {
  return (error: unknown) =>
    error instanceof AppError &&
    error.code === 'invalid_input' &&
    error.faults.length === 1 &&
    message.test(error.detail)
}
