// What no route can say by itself: of the API as a whole.
import type { PowerKind } from '../packages/server/src/domain/power.ts'
import { VERSION } from '../packages/server/src/version.ts'
import { MESSAGE, PROBLEM } from './openapi-refusals.ts'

const DESCRIPTION = `One sign-in for all applications of a house, and, for every company that a user works for, what that user may do in the application that asks.

- **auth**: what applications call: sign-in, and what a user may do. The keys of requests and answers are frozen: published clients fail on any other. They name the application in \`X-LICENSE-MODULE\` and the user's session in \`X-LICENSE-TOKEN\`.
- Everything else is the **admin API**: it runs the house, and takes an API key (\`Authorization: Bearer clk_…\`).

Lists answer \`{"items": […], "next_cursor": …}\`; \`cursor\` takes a page's \`next_cursor\`, and null is the end. A field that is not known is refused, and nothing is stored. What is another company's answers 404, like what is not there.

Every answer has \`X-Request-Id\`. A refusal is a problem (RFC 9457) with a \`code\` that stays as it is. Beside those of each call, any address may answer \`not_found\` (404), \`method_not_allowed\` (405), \`request_timeout\` (408), \`expectation_failed\` (417) and \`headers_too_large\` (431).`

export const HEAD = {
  openapi: '3.1.0',
  info: {
    title: 'Cloudspot License',
    version: VERSION,
    summary: 'The API of a License server',
    description: DESCRIPTION,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/', description: 'The server that this document is from' }],
  components: {
    schemas: { Problem: PROBLEM, Message: MESSAGE },
    securitySchemes: {
      apiKey: {
        type: 'http' as const,
        scheme: 'bearer',
        description: 'An API key: `clk_…`. `license-server key create` makes the first one.',
      },
      application: {
        type: 'apiKey' as const,
        in: 'header',
        name: 'X-LICENSE-MODULE',
        description: "The application's id.",
      },
      applicationSecret: {
        type: 'apiKey' as const,
        in: 'header',
        name: 'X-LICENSE-SECRET',
        description: 'Of an application that has one.',
      },
      session: {
        type: 'apiKey' as const,
        in: 'header',
        name: 'X-LICENSE-TOKEN',
        description: 'The token that a sign-in answered.',
      },
    },
  },
}

export const TAGS = [
  { name: 'auth', description: 'What applications call: the frozen protocol, and signing out' },
  {
    name: 'application',
    description: 'What an application asks for itself, with its secret: what changed, and who may do what',
  },
  { name: 'whoami', description: 'What a key is and may do' },
  { name: 'users', description: 'People: each signs in with an address and a password' },
  { name: 'tokens', description: "Users' live sessions" },
  { name: 'companies', description: 'Customer organisations' },
  { name: 'members', description: 'Who works for a company' },
  { name: 'licenses', description: 'What a company bought of an application' },
  { name: 'seats', description: "A member's right to use an application within the license" },
  { name: 'grants', description: 'Permissions and roles that are given, and rights as a whole' },
  { name: 'roles', description: "Named sets of permissions: an application's own, or one company's own" },
  { name: 'applications', description: 'External apps' },
  { name: 'permissions', description: 'What may be done in an application, as a tree' },
  { name: 'explain', description: 'Whether somebody may do something, why, and what would mend it' },
  { name: 'api-keys', description: 'Keys of this API' },
  { name: 'impersonations', description: 'Acting as a user: for one company, for an hour at most' },
  { name: 'endpoints', description: "Where an application's events are sent" },
  { name: 'deliveries', description: 'What was sent to an endpoint, and what came back' },
  { name: 'audit', description: 'What was done, by whom' },
  { name: 'manifest', description: "An application's permissions and roles as one document" },
  { name: 'imports', description: 'Moving users in from elsewhere' },
  { name: 'export', description: 'The whole house' },
  { name: 'statistics', description: 'How much of what is used' },
  { name: 'upstream', description: 'Taking over from another License server' },
  { name: 'health', description: 'For load balancers' },
]

export const NAMES: Record<PowerKind, string> = {
  operator: 'operators',
  support: 'support',
  company: "a company's admins",
  application: 'an application',
}

/** Names for what is answered, and where it is (tools/openapi.ts). What others hold comes first. */
export const NAMED = {
  User: 'users.list[]',
  UserWithCompanies: 'users.get',
  Token: 'tokens.list[]',
  Company: 'companies.list[]',
  Member: 'members.list[]',
  Application: 'applications.list[]',
  Permission: 'permissions.list[]',
  Role: 'roles.list[]',
  License: 'licenses.list[]',
  Seat: 'seats.list[]',
  Grant: 'grants.list[]',
  Rights: 'rights.get',
  RightsChange: 'rights.replace',
  Decision: 'explain.decide',
  Holder: 'explain.holders[]',
  MemberRights: 'explain.company[]',
  ApiKey: 'apiKeys.list[]',
  Whoami: 'whoami',
  Impersonation: 'impersonations.list[]',
  Endpoint: 'endpoints.list[]',
  Delivery: 'deliveries.list[]',
  DeliveryWithAttempts: 'deliveries.get',
  AuditEntry: 'audit.list[]',
  Manifest: 'manifest.get',
  ManifestPlan: 'manifest.plan',
  Import: 'imports.list[]',
  SignedIn: 'auth.signIn',
}

/** Of `/readyz`, which has its own form. */
export const READY = 'Not ready'

const COMPANY = '8e0f6f2c-5a0b-4c3e-9d55-0d6a2f1c7b01'
const USER = '3d1c9b7e-2f64-4b0a-8a52-6c1f0e9d4a11'

/** By name. */
export const EXAMPLES: Record<string, unknown> = {
  user: USER,
  company: COMPANY,
  company_id: COMPANY,
  managed_by: COMPANY,
  application: 'crm',
  permission: 'create_invoice',
  permissions: ['create_invoice'],
  role: 'clerk',
  roles: ['clerk'],
  email: 'anna@acme.test',
  username: 'anna@acme.test',
  first_name: 'Anna',
  last_name: 'Ames',
  pin: '1234',
  from: '2026-01-01',
  until: '2026-12-31',
  starts_at: '2026-01-01',
  ends_at: '2026-12-31',
  expires_at: '2027-01-01T00:00:00Z',
  at: '2026-12-31',
  name: 'ACME',
  note: 'Order 1204',
  reason: 'Stands in for Bert',
  limit: '50',
  q: 'anna',
  key: 'clerk',
  seats: 10,
  grace_days: 14,
  scopes: ['users:read', 'members:write'],
}
