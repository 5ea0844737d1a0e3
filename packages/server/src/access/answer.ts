import { setImmediate } from 'node:timers/promises'
import type { Context } from '../context.ts'
import type { Db } from '../db/database.ts'
import { firstRefusal, permitted } from '../domain/effective.ts'
import { byCodePoint, type Tree } from '../domain/tree.ts'
import { AppError } from '../errors.ts'
import type { AnswerFacts, ApplicationFacts, CompanyFacts } from './facts.ts'
import { type Given, readGiven, rolesOf } from './given.ts'

/** How long one answer is judged before others get their turn. */
const TURN_MS = 5

export type CompanyAnswer = {
  id: string
  name: string
  permissions: readonly string[]
  isPrimary: boolean
  joinedAt: number
}

/** What a user may do in one application at one moment: the companies by name, then id, that have `use_app`. */
export type Answer = { companies: CompanyAnswer[]; primary: CompanyAnswer | null }

/** Judges facts with their own tree and roles. Undefined when these have changed since the facts were read: read them again. */
export async function answerFrom(ctx: Context, facts: AnswerFacts, now: number): Promise<Answer | undefined> {
  const tree = await ctx.trees.find(ctx.db.read, facts.application.id, facts.application.treeVersion)
  if (!tree) return undefined
  const companies: CompanyAnswer[] = []
  let since = performance.now()
  for (const company of facts.companies) {
    // Of somebody who may do much in many companies the others do not wait for all of it.
    if (performance.now() - since > TURN_MS) {
      await setImmediate()
      since = performance.now()
    }
    if (firstRefusal(company, now)) continue
    const permissions =
      ctx.judged.find(tree, company.given) ??
      (await judge(ctx, ctx.db.read, facts.application, tree, company.given, now))
    if (!permissions) return undefined
    companies.push(asAnswer(company, permissions))
  }
  companies.sort((a, b) => byCodePoint(a.name, b.name) || byCodePoint(a.id, b.id))
  return { companies, primary: primaryOf(companies) }
}

/** The same of one seat: empty where the user has no access. `db` as for the facts. */
export async function judgeSeat(
  ctx: Context,
  db: Db,
  application: Pick<ApplicationFacts, 'id' | 'treeVersion'>,
  company: CompanyFacts,
  now: number,
): Promise<readonly string[] | undefined> {
  const tree = await ctx.trees.find(db, application.id, application.treeVersion)
  if (!tree) return undefined
  if (firstRefusal(company, now)) return []
  return ctx.judged.find(tree, company.given) ?? judge(ctx, db, application, tree, company.given, now)
}

/** Undefined when a role has changed. */
async function judge(
  ctx: Context,
  db: Db,
  application: Pick<ApplicationFacts, 'id' | 'treeVersion'>,
  tree: Tree,
  given: Given,
  now: number,
): Promise<readonly string[] | undefined> {
  const roles = await ctx.roles.find(db, application, rolesOf(given))
  if (!roles) return undefined
  const permissions = permitted(tree, readGiven(given, roles), now)
  ctx.judged.keep(tree, given, permissions)
  return permissions
}

function asAnswer(company: CompanyFacts, permissions: readonly string[]): CompanyAnswer {
  const { companyId: id, companyName: name, isPrimary, joinedAt } = company
  return { id, name, permissions, isPrimary, joinedAt }
}

/** The one marked primary, else the one that the user joined first. */
function primaryOf(companies: readonly CompanyAnswer[]): CompanyAnswer | null {
  let found: CompanyAnswer | null = null
  for (const company of companies) {
    if (company.isPrimary) return company
    if (!found || company.joinedAt < found.joinedAt || (company.joinedAt === found.joinedAt && company.id < found.id))
      found = company
  }
  return found
}

/** The answer for someone who has no token yet. Undefined when the user or the application is not there. */
export async function loadAnswer(
  ctx: Context,
  userId: string,
  applicationId: string,
): Promise<{ facts: AnswerFacts; answer: Answer } | undefined> {
  // The tree or a role may change between the facts and it; then all is read again, so that an answer is of one moment.
  for (let tries = 0; tries < 10; tries++) {
    const facts = await ctx.facts.byUser(userId, applicationId)
    if (!facts) return undefined
    const answer = await answerFrom(ctx, facts, ctx.now())
    if (answer) return { facts, answer }
  }
  throw rightsAreMoving()
}

export function rightsAreMoving(): AppError {
  return new AppError('busy', {
    detail: 'The permissions are changing just now. Try again in a moment.',
    retryAfter: 1,
  })
}
