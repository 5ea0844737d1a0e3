/** What somebody may run: the whole house, looking at it, one company, or one application's permissions. */
export type Power =
  | { kind: 'operator' }
  | { kind: 'support' }
  | { kind: 'company'; companyId: string }
  | { kind: 'application'; applicationId: string }

export type PowerKind = Power['kind']

export const NOUNS = [
  'users',
  'companies',
  'members',
  'applications',
  'permissions',
  'roles',
  'licenses',
  'seats',
  'grants',
  'tokens',
  'api-keys',
  'audit',
  'explain',
  'manifest',
  'imports',
  'export',
  'statistics',
  'impersonations',
  'endpoints',
  'deliveries',
  'upstream',
] as const
export type Noun = (typeof NOUNS)[number]
export type Access = 'read' | 'write'

/** What an API key is limited to: `*` all, `*:read` looking, `users:write` one noun. Writing includes reading. */
export type Scope = '*' | `*:${Access}` | `${Noun}:${Access}`

export const SCOPES: readonly Scope[] = [
  '*',
  '*:read',
  '*:write',
  ...NOUNS.flatMap((noun): Scope[] => [`${noun}:read`, `${noun}:write`]),
]

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text)
}

/** What each route states: who may call it, and as what it counts for a key's scopes. */
/** `whoami` is open to every key. */
export type Rule = { noun: Noun | 'whoami'; access: Access; powers: readonly PowerKind[] }

export type Standing = { power: Power; scopes: readonly Scope[] }

/** Why a route is closed to somebody; null when it is open. */
export function ruleRefusal(rule: Rule, { power, scopes }: Standing): 'power' | 'scope' | null {
  if (!rule.powers.includes(power.kind)) return 'power'
  return rule.noun === 'whoami' || hasScope(scopes, rule.noun, rule.access) ? null : 'scope'
}

function hasScope(scopes: readonly Scope[], noun: Noun, access: Access): boolean {
  const wanted: Scope[] = ['*', `*:write`, `${noun}:write`]
  if (access === 'read') wanted.push('*:read', `${noun}:read`)
  return wanted.some((scope) => scopes.includes(scope))
}

/** Whether what the scope opens is open to these too. */
function coversScope(scopes: readonly Scope[], wanted: Scope): boolean {
  if (wanted === '*') wanted = '*:write'
  const [noun, access] = wanted.split(':') as [Noun | '*', Access] // As SCOPES has them.
  const nouns = noun === '*' ? NOUNS : [noun]
  return nouns.every((each) => hasScope(scopes, each, access))
}

/** Something that gives power, in the terms by which it is judged. */
export type Gift =
  | { kind: 'operator' }
  | { kind: 'support' }
  | { kind: 'application' }
  | { kind: 'license' }
  | { kind: 'house' }
  | { kind: 'membership'; companyId: string }
  | { kind: 'seat'; companyId: string }
  | { kind: 'role'; companyId: string }
  | { kind: 'permissions'; companyId: string; permissions: readonly GivenPermission[] }
  /** An application's tree and roles; what of it is for operators alone. */
  | { kind: 'manifest'; applicationId: string; operatorsOnly: readonly string[] }
  | { kind: 'api_key'; power: Power; scopes: readonly Scope[] }
  /** Where an application's events are sent, and that they are sent again. */
  | { kind: 'endpoint'; applicationId: string }
  /** Acting as somebody, for one company. */
  | { kind: 'impersonation'; companyId: string; isOfOperator: boolean; isOpenToCompany: boolean }

/** As the tree and the company's license have it. */
export type GivenPermission = { slug: string; isOperatorOnly: boolean; isIncluded: boolean }

export type GiftRefusal = {
  because:
    | 'not_yours'
    | 'operator_only'
    | 'not_included'
    | 'more_than_own'
    | 'scope_missing'
    | 'of_operator'
    | 'not_open'
  slugs: string[]
}

/** The one place that says who may give what. Null when it may be given. */
export function giftRefusal(giver: Standing, gift: Gift): GiftRefusal | null {
  if (gift.kind === 'impersonation') return impersonationRefusal(giver, gift)
  if (giver.power.kind === 'operator') {
    if (gift.kind === 'api_key') return keyRefusal(giver, gift)
    // Whoever is made one may do everything.
    const isAll = gift.kind === 'operator' || gift.kind === 'support'
    return isAll && !coversScope(giver.scopes, '*') ? refused('more_than_own') : scopeRefusal(giver, gift)
  }
  if (gift.kind === 'api_key') return keyRefusal(giver, gift)
  if (gift.kind === 'manifest') return manifestRefusal(giver, gift)
  if (gift.kind === 'endpoint') return endpointRefusal(giver, gift)
  const isOwn = 'companyId' in gift && giver.power.kind === 'company' && giver.power.companyId === gift.companyId
  if (!isOwn) return refused('not_yours')
  return scopeRefusal(giver, gift) ?? (gift.kind === 'permissions' ? permissionsRefusal(gift.permissions) : null)
}

/** Some routes give more than the noun that they are of. */
function scopeRefusal({ scopes }: Standing, { kind }: Gift): GiftRefusal | null {
  const noun = kind === 'membership' ? 'members' : kind === 'seat' ? 'seats' : undefined
  return noun === undefined || hasScope(scopes, noun, 'write') ? null : refused('scope_missing')
}

function permissionsRefusal(permissions: readonly GivenPermission[]): GiftRefusal | null {
  const operatorOnly = permissions.filter((each) => each.isOperatorOnly)
  if (operatorOnly.length > 0)
    return refused(
      'operator_only',
      operatorOnly.map((each) => each.slug),
    )
  const left = permissions.filter((each) => !each.isIncluded)
  if (left.length === 0) return null
  return refused(
    'not_included',
    left.map((each) => each.slug),
  )
}

/** An application says what its own permissions and roles mean; not what operators keep for themselves. */
function manifestRefusal({ power }: Standing, gift: Extract<Gift, { kind: 'manifest' }>): GiftRefusal | null {
  if (power.kind !== 'application' || power.applicationId !== gift.applicationId) return refused('not_yours')
  return gift.operatorsOnly.length > 0 ? refused('operator_only', [...gift.operatorsOnly]) : null
}

/** What an application is told anyway, it may have sent to it. */
function endpointRefusal({ power }: Standing, { applicationId }: { applicationId: string }): GiftRefusal | null {
  return power.kind === 'application' && power.applicationId === applicationId ? null : refused('not_yours')
}

/** Of an operator nobody's, whoever asks. It is the one act of support. */
function impersonationRefusal({ power }: Standing, gift: Extract<Gift, { kind: 'impersonation' }>): GiftRefusal | null {
  if (gift.isOfOperator) return refused('of_operator')
  if (power.kind === 'operator' || power.kind === 'support') return null
  if (power.kind !== 'company' || power.companyId !== gift.companyId) return refused('not_yours')
  return gift.isOpenToCompany ? null : refused('not_open')
}

/** Whether somebody may end one: operators, the company that it is for, and whoever began it. */
export function mayEndImpersonation(power: Power, of: { companyId: string; isOwn: boolean }): boolean {
  return power.kind === 'operator' || of.isOwn || (power.kind === 'company' && power.companyId === of.companyId)
}

/** No key can do what its maker can't. */
function keyRefusal(giver: Standing, gift: { power: Power; scopes: readonly Scope[] }): GiftRefusal | null {
  const own = giver.power
  const isWithin =
    own.kind === 'operator' ||
    (own.kind === 'company' && gift.power.kind === 'company' && gift.power.companyId === own.companyId)
  if (!isWithin) return refused('not_yours')
  return gift.scopes.every((scope) => coversScope(giver.scopes, scope)) ? null : refused('more_than_own')
}

function refused(because: GiftRefusal['because'], slugs: string[] = []): GiftRefusal {
  return { because, slugs }
}

/** What says who else has to do with a user. */
export type UserTies = {
  isOperator: boolean
  isSupport: boolean
  managedBy: string | null
  /** Companies with a membership of this user, switched off or not. */
  companies: readonly string[]
}

/** Whether somebody may change a user's own data: the house's, and of a company that manages the user and is the only one. */
export function mayManageUser({ power }: Pick<Standing, 'power'>, user: UserTies): boolean {
  if (power.kind === 'operator') return true
  if (power.kind !== 'company' || user.isOperator || user.isSupport) return false
  return user.managedBy === power.companyId && user.companies.every((company) => company === power.companyId)
}
