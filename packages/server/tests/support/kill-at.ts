// Loaded into a program by NODE_OPTIONS=--import=…: ends it with SIGKILL at the moment that KILL_AT names, as a lost machine would;
// or lets every writing beside the key ring fail with the code that FAIL_WITH names, as a read-only file system does.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

const { KILL_AT: point, FAIL_WITH: failure } = process.env

// biome-ignore lint/suspicious/noExplicitAny: any function at all is wrapped here.
type Anything = (...args: any[]) => any

function die(): never {
  process.kill(process.pid, 'SIGKILL')
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
}

/** Dies before or after the call that is about the ring's file. */
function atFile(name: 'writeFileSync' | 'renameSync'): void {
  const original: Anything = fs[name]
  const wrapped: Anything = (...args) => {
    const isRing = String(args[0]).includes('keys.json')
    if (isRing && failure !== undefined) throw Object.assign(new Error(failure), { code: failure })
    if (isRing && point === `before ${name}`) die()
    const result = original(...args)
    if (isRing && point === `after ${name}`) die()
    return result
  }
  Object.assign(fs, { [name]: wrapped })
}

let commits = 0

/** Dies before or after a commit, by its number. */
function atCommit(text: unknown, run: () => unknown): unknown {
  if (String(text).toLowerCase() !== 'commit') return run()
  commits++
  const here = commits
  if (point === `before commit ${here}`) die()
  const result = run()
  if (point !== `after commit ${here}`) return result
  return result instanceof Promise ? result.then(die) : die()
}

atFile('writeFileSync')
atFile('renameSync')
syncBuiltinESMExports()

const { exec } = DatabaseSync.prototype
DatabaseSync.prototype.exec = function (sql) {
  atCommit(sql, () => exec.call(this, sql))
}
const query: Anything = pg.Client.prototype.query
pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  const [asked] = args as [string | { text?: string } | undefined] // A text, or a statement with a name.
  return atCommit(typeof asked === 'object' ? asked.text : asked, () => query.apply(this, args))
} as typeof pg.Client.prototype.query
