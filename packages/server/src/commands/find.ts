import { type Command, InvalidArgumentError } from 'commander'
import { listCompaniesCalled, type NamedCompany } from '../access/explain-store.ts'
import type { Context } from '../context.ts'
import { findApplication, listApplications, type StoredApplication } from '../directory/application-store.ts'
import { findListedUser, type ListedUser } from '../directory/user-store.ts'
import { canonicalEmail } from '../domain/email.ts'
import { CommandError } from '../errors.ts'

// What people name on the command line: found, or a sentence that helps to name it rightly.

export async function requireUser(ctx: Context, typed: string): Promise<ListedUser> {
  const email = canonicalEmail(typed)
  if (email === undefined)
    throw new CommandError(`"${typed}" is no email address. Users are named by theirs, such as anna@acme.example.`)
  const user = await findListedUser(ctx.db.read, email)
  if (!user) throw new CommandError(`There is no user ${email}. \`license-server user list\` shows who there is.`)
  return user
}

export async function requireCompany(ctx: Context, nameOrId: string): Promise<NamedCompany> {
  const [company, ...more] = await listCompaniesCalled(ctx.db.read, nameOrId)
  if (!company)
    throw new CommandError(
      `There is no company "${nameOrId}". Name it exactly as it is written in the house, or by its id.`,
    )
  if (more.length === 0) return company
  const ids = [company, ...more].map((each) => `  ${each.id}${each.active ? '' : ' (switched off)'}`)
  throw new CommandError(`${ids.length} companies are called "${nameOrId}". Say which by its id:`, ...ids)
}

export async function requireApplicationCalled(ctx: Context, id: string): Promise<StoredApplication> {
  const application = await findApplication(ctx.db.read, id)
  if (application) return application
  const known = (await listApplications(ctx.db.read)).map((each) => each.id)
  throw new CommandError(
    `There is no application "${id}". ${known.length === 0 ? 'The house has none yet.' : `There is: ${known.join(', ')}.`}`,
  )
}

/** For an option that takes a whole number. */
export function wholeNumber(min: number, max: number): (typed: string) => number {
  return (typed) => {
    const number = /^\d{1,9}$/.test(typed) ? Number(typed) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/** Ends with the exit code of wrong use. */
export function wrongUse(command: Command, sentence: string): never {
  return command.error(`error: ${sentence}`)
}
