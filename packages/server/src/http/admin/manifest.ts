import type { FastifyInstance } from 'fastify'
import { applyManifest, manifestEtag } from '../../access/manifest.ts'
import type { Affected } from '../../access/manifest-people.ts'
import { type ManifestPlan, planManifest, type WantedPlan } from '../../access/manifest-plan.ts'
import { type LoadedManifest, listCompanyNames, listPersonNames, loadManifest } from '../../access/manifest-store.ts'
import type { By } from '../../audit/actor.ts'
import type { Context } from '../../context.ts'
import { requireApplicationKnown } from '../../directory/visible.ts'
import { byCodePoint } from '../../domain/tree.ts'
import { APPLICATION } from './forms.ts'
import { requireIfMatch } from './grants.ts'
import {
  MANIFEST,
  type ManifestBody,
  PLAN,
  type PlanAnswer,
  WANTED_MANIFEST,
  type WantedBody,
} from './manifest-form.ts'
import { ANYBODY, adminRoute } from './route.ts'

const OF_APPLICATION = { application: APPLICATION }

export function manifestRoutes(app: FastifyInstance, ctx: Context): void {
  const { read } = ctx.db

  async function wantedPlan(by: By, application: string, body: WantedBody): Promise<WantedPlan> {
    const { id } = await requireApplicationKnown(read, by.actor.power, application)
    return { applicationId: id, document: body.manifest, allowsRemovals: body.allow_removals ?? false }
  }

  adminRoute(
    app,
    {
      method: 'GET',
      url: '/applications/:application/manifest',
      operation: 'manifest.get',
      rule: { noun: 'manifest', access: 'read', powers: ANYBODY },
      summary: "Tells an application's tree and its own roles as one document",
      params: OF_APPLICATION,
      answers: { 200: MANIFEST },
      tells: ['etag'],
      errors: ['not_found'],
    },
    async ({ by, params, reply }) => {
      const { id } = await requireApplicationKnown(read, by.actor.power, params.application)
      const manifest = await loadManifest(read, id)
      reply.header('etag', manifestEtag(manifest))
      return showManifest(id, manifest)
    },
  )

  adminRoute(
    app,
    {
      method: 'POST',
      url: '/applications/:application/manifest/plan',
      operation: 'manifest.plan',
      rule: { noun: 'manifest', access: 'read', powers: ['operator', 'application'] },
      summary: 'Tells what a manifest would change, and who would lose and gain what; stores nothing',
      params: OF_APPLICATION,
      body: WANTED_MANIFEST,
      answers: { 200: PLAN },
      errors: ['not_found'],
    },
    async ({ by, params, body }) =>
      showPlan(ctx, by, await planManifest(ctx, by, await wantedPlan(by, params.application, body))),
  )

  adminRoute(
    app,
    {
      method: 'PUT',
      url: '/applications/:application/manifest',
      operation: 'manifest.apply',
      rule: { noun: 'manifest', access: 'write', powers: ['operator', 'application'] },
      summary: 'Applies the plan that `If-Match` names, or nothing',
      description: 'What the document does not name is removed; what is in use only with `allow_removals`.',
      params: OF_APPLICATION,
      body: WANTED_MANIFEST,
      answers: { 200: PLAN },
      tells: ['etag'],
      errors: ['not_found', 'condition_required', 'changed_meanwhile', 'in_use', 'operator_only'],
    },
    async ({ by, params, body, request, reply }) => {
      const seen = requireIfMatch(request)
      const plan = await applyManifest(ctx, by, await wantedPlan(by, params.application, body), seen.trim())
      reply.header('etag', manifestEtag(await loadManifest(read, plan.applicationId)))
      return showPlan(ctx, by, plan)
    },
  )
}

function showManifest(application: string, { permissions, roles }: LoadedManifest): ManifestBody {
  return {
    application,
    permissions: permissions.map((permission) => ({
      slug: permission.slug,
      name: permission.name,
      description: permission.description,
      needs: permission.needs,
      operator_only: permission.isOperatorOnly,
      deprecated: permission.isDeprecated,
    })),
    roles: roles.map(({ key, name, permissions }) => ({ key, name, permissions: [...permissions].sort(byCodePoint) })),
  }
}

async function showPlan(ctx: Context, by: By, plan: ManifestPlan): Promise<PlanAnswer> {
  const { people, licensesWithout } = plan
  const [loses, gains] = [people.loses.first, people.gains.first]
  const names = await namesFor(ctx, by, [...loses, ...gains], licensesWithout.first)
  return {
    application: plan.applicationId,
    etag: plan.etag,
    changes: plan.changes,
    loses: showPeople(names, loses),
    gains: showPeople(names, gains),
    people: { loses: people.loses.total, gains: people.gains.total, not_looked_at: people.notLookedAt },
    licenses_without: licensesWithout.first.map(({ companyId, slugs }) => ({
      company: names.company(companyId),
      permissions: slugs,
    })),
    licenses_without_total: licensesWithout.total,
    refused: plan.refused,
  }
}

type Names = {
  company(id: string): { id: string; name?: string }
  user(id: string): PlanAnswer['loses'][number]['user']
}

/** Names for operators; an application's key is told ids: users and licenses are not its to read. */
async function namesFor(
  ctx: Context,
  by: By,
  affected: readonly Affected[],
  licenses: readonly { companyId: string }[],
): Promise<Names> {
  if (by.actor.power.kind !== 'operator') return { company: (id) => ({ id }), user: (id) => ({ id }) }
  const companyIds = new Set([...affected, ...licenses].map(({ companyId }) => companyId))
  const companies = await listCompanyNames(ctx.db.read, [...companyIds])
  const users = await listPersonNames(ctx.db.read, [...new Set(affected.map(({ userId }) => userId))])
  return {
    company: (id) => ({ id, name: companies.get(id) ?? '' }),
    user: (id) => {
      const { email = '', firstName = '', lastName = '' } = users.get(id) ?? {}
      return { id, email, first_name: firstName, last_name: lastName }
    },
  }
}

function showPeople(names: Names, affected: readonly Affected[]): PlanAnswer['loses'] {
  const shown = affected.map(({ userId, companyId, slugs }) => ({
    user: names.user(userId),
    company: names.company(companyId),
    permissions: [...slugs],
  }))
  const place = ({ user, company }: (typeof shown)[number]) =>
    [company.name ?? company.id, user.email ?? user.id] as const
  return shown.sort((a, b) => {
    const [x, y] = [place(a), place(b)]
    return byCodePoint(x[0], y[0]) || byCodePoint(x[1], y[1])
  })
}
