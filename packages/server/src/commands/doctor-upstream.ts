import type { Config } from '../config.ts'
import type { Db } from '../db/database.ts'
import { Upstream } from '../upstream/upstream.ts'
import { countMoves } from '../upstream/upstream-store.ts'
import { type Check, fault, ok } from './doctor-check.ts'

const NAME = 'upstream'

/** Whether the server that this one takes over from answers, and whether it is still needed. Where none is set there is nothing to say. */
export async function checkUpstream({ upstream: url, allowedNetworks }: Config, db: Db, now: number): Promise<Check[]> {
  if (url === undefined) return []
  const old = new Upstream({ url, allowedNetworks, now: () => now, onFailure: () => undefined })
  const failed = await old.check()
  if (failed !== undefined)
    return [
      fault(
        NAME,
        `${url} does not answer as a License server does: ${failed}. Who has not moved yet can't sign in. Set LICENSE_UPSTREAM right, or leave it out.`,
      ),
    ]
  const { moved, waiting } = await countMoves(db)
  if (waiting > 0 || moved === 0)
    return [ok(NAME, `${url} answers. ${moved} moved; ${waiting} are known here and have no password yet.`)]
  const says = `everybody who is known here has a password (${moved} moved), and still each unknown name goes to ${url} with what was typed as its password. Leave LICENSE_UPSTREAM out unless people are to come whom this house does not know.`
  return [{ name: NAME, state: 'warning', says }]
}
