import type { Context } from '../context.ts'
import { type Account, findAccount } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'

/** By the address as typed, in any case and with surrounding blanks. Undefined when there is none: the next step tells nobody. */
export async function loadAccount(ctx: Context, username: string): Promise<Account | undefined> {
  const email = canonicalEmail(username)
  return email === undefined ? undefined : findAccount(ctx.db.read, email)
}
