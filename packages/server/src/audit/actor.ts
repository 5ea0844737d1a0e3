import type { Context } from '../context.ts'
import type { Tx } from '../db/database.ts'
import type { Scope, Standing } from '../domain/power.ts'

/** Who does a thing. */
export type Actor = Standing & {
  kind: 'system' | 'key' | 'user'
  /** Of the key or the user; for the system, what of it acts. */
  id: string
  /** For people; never stored beside the id. */
  name: string
  /** The person, where there is one. */
  userId: string | null
  /** When its power ends by itself; null: it does not. */
  expiresAt: number | null
}

/** Who did a thing, as it is written down. */
export type Doer = {
  actor: Pick<Actor, 'kind' | 'id' | 'userId'>
  /** Where two people have a part in it: the other one, who acted as this one, or for whom a key stands. */
  behindId?: string | undefined
  requestId: string | null
  /** Where the request came from: an address. */
  source: string | null
}

/** Who acts, by which request, and whether that still holds. */
export type By = Doer & {
  actor: Actor
  /** Holds what the actor's power hangs on until the transaction ends. @throws AppError when it is gone */
  requireStanding(tx: Tx): Promise<void>
}

const EVERYTHING: readonly Scope[] = ['*']

/** The server's own command line, and its jobs: whoever can run these has the house anyway. */
export function bySystem(id: string): By {
  const actor: Actor = {
    kind: 'system',
    id,
    name: id,
    userId: null,
    expiresAt: null,
    power: { kind: 'operator' },
    scopes: EVERYTHING,
  }
  return { actor, requestId: null, source: null, requireStanding: async () => undefined }
}

/** Of the server's own commands. */
export const COMMAND_LINE = bySystem('the command line')

/** How an actor is named where one text must do: `key:<id>`, `user:<id>`, or the words of the system. */
export function actorReference({ kind, id }: Pick<Actor, 'kind' | 'id'>): string {
  return kind === 'system' ? id : `${kind}:${id}`
}

/** An act in one transaction, by somebody who may still act when it is stored. */
export async function actInTransaction<T>(ctx: Context, by: By, act: (tx: Tx) => Promise<T>): Promise<T> {
  const done = await ctx.db.transaction(async (tx) => {
    await by.requireStanding(tx)
    return act(tx)
  })
  ctx.outbox.due()
  return done
}
