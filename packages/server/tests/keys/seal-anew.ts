// A program for rotation.test.ts: seals everything anew, the test's own table included. It is killed in the middle.
import { ownEnvironment, readConfig } from '../../src/config.ts'
import { createContext, createLog } from '../../src/context.ts'
import { sealAnew } from '../../src/keys/change-ring.ts'
import { SEALED } from '../../src/keys/sealed.ts'
import { seals } from '../support/seals.ts'

await using ctx = await createContext(readConfig(ownEnvironment()), { log: createLog({ logLevel: 'silent' }) })
console.log(JSON.stringify(await sealAnew(ctx.db, ctx.keys, [...SEALED, seals])))
