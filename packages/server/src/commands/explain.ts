import type { Command } from 'commander'
import {
  type ExplainedApplication,
  loadExplainedApplication,
  loadSituation,
  type Situation,
  type Told,
  tell,
  tellAll,
} from '../access/explain-facts.ts'
import type { When } from '../access/explain-reasons.ts'
import { listCompaniesOf, listLicensedApplications, type NamedCompany } from '../access/explain-store.ts'
import { type Chapter, explainDecision, explainUser } from '../access/explain-text.ts'
import type { Context } from '../context.ts'
import { listPermissions } from '../directory/application-store.ts'
import { type ListedUser, listUsers } from '../directory/user-store.ts'
import { readMoment, writeMoment } from '../domain/day.ts'
import { END_OF_TIME } from '../domain/interval.ts'
import { CommandError } from '../errors.ts'
import { requireApplicationCalled, requireCompany, requireUser, wrongUse } from './find.ts'
import { withHouse } from './report.ts'

type Options = { company?: string; application?: string; slug?: string; at?: string; json?: boolean }

export function explainCommand(program: Command): void {
  program
    .command('explain')
    .argument('[email]', 'the user; left out: every user')
    .description('Say what users may do, why, why not, and what would mend it.')
    .option('--company <name>', 'in this company only (name or id)')
    .option('--application <id>', 'for this application only')
    .option('--slug <slug>', 'one permission, with its whole chain')
    .option('--at <moment>', "judge at another moment: a day (in the house's time zone) or like 2026-12-31T18:00:00Z")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ license-server explain anna@acme.example --application crm --slug create_invoice',
    )
    .action(async (email: string | undefined, options: Options, command: Command) => {
      await withHouse(async (ctx) => {
        const { zone, now } = readWhen(ctx, options, command)
        const question = await readQuestion(ctx, options)
        const told = tellEach(ctx, question, email, now)
        if (options.json) await writeJson(told, now)
        else await writeText(told, question, { now, zone }, options.at !== undefined)
      })
    })
}

function readWhen(ctx: Context, options: Options, command: Command): When {
  const zone = ctx.config.timeZone
  const now = options.at === undefined ? ctx.now() : readMoment(options.at, zone, 'start')
  return {
    zone,
    now: now ?? wrongUse(command, `"${options.at}" is no moment: write 2026-12-31 or 2026-12-31T18:00:00Z.`),
  }
}

/** What was asked, looked up once; trees are kept for the next user. */
type Question = {
  company: NamedCompany | undefined
  application: ExplainedApplication | undefined
  slug: string | undefined
  applications: Map<string, ExplainedApplication>
}

async function readQuestion(ctx: Context, { company, application, slug }: Options): Promise<Question> {
  const question: Question = {
    company: company === undefined ? undefined : await requireCompany(ctx, company),
    application: undefined,
    slug,
    applications: new Map(),
  }
  if (application !== undefined) question.application = await loadApplication(ctx, question, application)
  const { application: named } = question
  if (slug !== undefined && named && !named.tree.rankBySlug.has(slug)) {
    throw new CommandError(`${named.name} has no permission "${slug}". It has: ${named.tree.slugs.join(', ')}.`)
  }
  if (slug !== undefined && !named && !(await listPermissions(ctx.db.read)).some((each) => each.slug === slug)) {
    throw new CommandError(`No application has a permission "${slug}".`)
  }
  return question
}

async function loadApplication(ctx: Context, question: Question, id: string): Promise<ExplainedApplication> {
  const known = question.applications.get(id)
  if (known) return known
  const { name, isActive } = await requireApplicationCalled(ctx, id)
  const loaded = await loadExplainedApplication(ctx.db.read, { id, name, active: isActive })
  question.applications.set(id, loaded)
  return loaded
}

type ToldOfUser = { user: ListedUser; chapters: Chapter[] }

/** User by user, so that a large house needs no large memory. */
async function* tellEach(
  ctx: Context,
  question: Question,
  email: string | undefined,
  now: number,
): AsyncGenerator<ToldOfUser> {
  if (email !== undefined) {
    yield await tellUser(ctx, question, await requireUser(ctx, email), now)
    return
  }
  let after = ''
  for (;;) {
    const page = await listUsers(ctx.db.read, { after, limit: 200 })
    for (const user of page) yield await tellUser(ctx, question, user, now)
    const last = page.at(-1)
    if (!last) return
    after = last.email
  }
}

async function tellUser(ctx: Context, question: Question, user: ListedUser, now: number): Promise<ToldOfUser> {
  const chapters: Chapter[] = []
  const companies = question.company ? [question.company] : await listCompaniesOf(ctx.db.read, user.id)
  for (const company of companies) {
    for (const id of await applicationsAskedAbout(ctx, question, company)) {
      const application = await loadApplication(ctx, question, id)
      if (question.slug !== undefined && !application.tree.rankBySlug.has(question.slug)) continue
      const situation = await loadSituation(ctx.db.read, user, company, application)
      chapters.push({ situation, told: tellAsked(question, situation, now) })
    }
  }
  return { user, chapters }
}

/** Without one in the question: those that the company has a license for; a seat can't be without. */
async function applicationsAskedAbout(ctx: Context, question: Question, company: NamedCompany): Promise<string[]> {
  return question.application ? [question.application.id] : listLicensedApplications(ctx.db.read, company.id)
}

function tellAsked({ slug }: Question, situation: Situation, now: number): Told[] {
  return slug === undefined ? tellAll(situation, now) : [tell(situation, slug, now)]
}

async function writeText(
  told: AsyncGenerator<ToldOfUser>,
  question: Question,
  when: When,
  isOther: boolean,
): Promise<void> {
  const write = (lines: string[]) => process.stdout.write(`${lines.join('\n')}\n`)
  let isFirst = !isOther
  if (isOther) write([`As of ${writeMoment(when.now, when.zone)} (${when.zone}), by what is stored today:`])
  for await (const { user, chapters } of told) {
    const decisions = question.slug === undefined ? [] : chapters.flatMap((chapter) => chapter.told)
    const lines =
      decisions.length > 0
        ? decisions.flatMap((each, index) => [...(index > 0 ? [''] : []), ...explainDecision(each, when)])
        : explainUser(user, chapters, {
            when,
            isWhole: !question.company && !question.application,
            isMember: user.companies > 0,
          })
    write(isFirst ? lines : ['', ...lines])
    isFirst = false
  }
  if (isFirst) write(['The house has no users yet.'])
}

async function writeJson(told: AsyncGenerator<ToldOfUser>, now: number): Promise<void> {
  process.stdout.write(`{ "at": ${JSON.stringify(new Date(now).toISOString())}, "users": [`)
  let before = '\n'
  for await (const { user, chapters } of told) {
    const decisions = chapters.flatMap((chapter) => chapter.told.map(asJson))
    process.stdout.write(`${before}${JSON.stringify({ user: publicUser(user), decisions }, null, 2)}`)
    before = ',\n'
  }
  process.stdout.write('\n] }\n')
}

function publicUser({ id, email, firstName, lastName, isActive, isOperator, hasPassword }: ListedUser) {
  return { id, email, firstName, lastName, isActive, isOperator, hasPassword }
}

function asJson({ situation, explanation }: Told) {
  const { who, application, company } = situation
  return {
    user: who.email,
    application: { id: application.id, name: application.name },
    company: { id: company.id, name: company.name },
    slug: explanation.slug,
    allowed: explanation.allowed,
    because: explanation.because,
    links: explanation.links,
    isIncluded: explanation.isIncluded,
    grants: explanation.paths.map(({ grant, phase, slugs }) => ({
      through: grant.through.kind,
      role: grant.role,
      slugs,
      phase,
      startsAt: grant.startsAt === 0 ? null : new Date(grant.startsAt).toISOString(),
      endsAt: grant.endsAt === END_OF_TIME ? null : new Date(grant.endsAt).toISOString(),
      givenBy: grant.through.kind === 'license_role' ? null : grant.givenBy,
      givenAt: grant.through.kind === 'license_role' ? null : new Date(grant.givenAt).toISOString(),
      reason: grant.reason,
    })),
  }
}
