// The raw rate of hashing: the server's own parameters, as many at once as there are cores, nothing else in the process.
import { availableParallelism } from 'node:os'
import { hashPassword, verifyPassword } from '../packages/server/src/credentials/password-hash.ts'

const seconds = Number(process.argv[2])
const password = 'a password of the usual length'
const hash = await hashPassword(password)
const start = performance.now()
const end = start + seconds * 1000
let done = 0
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    while (performance.now() < end) {
      await verifyPassword(password, { hash, isForeign: false })
      done++
    }
  }),
)
console.log(JSON.stringify({ rate: (done / (performance.now() - start)) * 1000 }))
