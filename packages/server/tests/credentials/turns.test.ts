import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from '../../src/credentials/turns.ts'

test('one at a time for one key, in the order of coming; another key does not wait', async () => {
  const turns = new Turns({ limit: 10, waitMs: 60_000 })
  const told: string[] = []
  const act = async (key: string, name: string) => {
    using _turn = await turns.take(key)
    told.push(`${name} in`)
    await new Promise((resolve) => setImmediate(resolve))
    told.push(`${name} out`)
  }
  await Promise.all([act('a', 'a1'), act('a', 'a2'), act('b', 'b1'), act('a', 'a3')])
  const ofA = told.filter((each) => each.startsWith('a'))
  assert.deepEqual(ofA, ['a1 in', 'a1 out', 'a2 in', 'a2 out', 'a3 in', 'a3 out'])
  assert.ok(told.indexOf('b1 in') < told.indexOf('a1 out'))
  assert.equal(turns.isTaken('a'), false)
})

test('so many may wait, for all keys together; who need not wait may always come', async () => {
  const turns = new Turns({ limit: 2, waitMs: 60_000 })
  const [a, b] = [await turns.take('a'), await turns.take('b')]
  const waiting = [turns.take('a'), turns.take('b')]
  await assert.rejects(turns.take('a'), { code: 'busy' })
  using _c = await turns.take('c')
  a[Symbol.dispose]()
  const next = await waiting[0]
  assert.equal(turns.isTaken('a'), true)
  next?.[Symbol.dispose]()
  b[Symbol.dispose]()
  ;(await waiting[1])?.[Symbol.dispose]()
  assert.deepEqual([turns.isTaken('a'), turns.isTaken('b'), turns.isTaken('c')], [false, false, true])
})

test('who waits too long is told so, and leaves no trace', async () => {
  const turns = new Turns({ limit: 1, waitMs: 5 })
  const first = await turns.take('a')
  await assert.rejects(turns.take('a'), { code: 'busy' })
  await assert.rejects(turns.take('a'), { code: 'busy' })
  first[Symbol.dispose]()
  assert.equal(turns.isTaken('a'), false)
})

test('a wait elsewhere counts', async () => {
  const turns = new Turns({ limit: 5, waitMs: 60_000 })
  const before = performance.now() - 60_000
  const first = await turns.take('a', before)
  await assert.rejects(turns.take('a', before), { code: 'busy' })
  const inTime = turns.take('a')
  first[Symbol.dispose]()
  ;(await inTime)[Symbol.dispose]()
  assert.equal(turns.isTaken('a'), false)
})
