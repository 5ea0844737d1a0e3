import { LicenseError, LicenseServerUnavailable, TooManyAttempts, UnexpectedAnswer } from 'cloudspot-license-api'
import { Refused } from 'cloudspot-license-api/admin'
import { CommanderError } from 'commander'
import { CommandError } from './errors.ts'
import { cleanLine, withoutKeys } from './output/clean.ts'

/** Says on standard error what went wrong and what to do, and returns the exit code. */
export function reportError(error: unknown, server: string): number {
  // It has spoken already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  for (const line of linesOf(error, server)) process.stderr.write(`${withoutKeys(cleanLine(line))}\n`)
  return error instanceof CommandError ? error.exitCode : 1
}

function linesOf(error: unknown, server: string): readonly string[] {
  if (error instanceof CommandError) return error.lines
  if (error instanceof Refused) return refusedLines(error)
  if (error instanceof TooManyAttempts)
    return [`${error.message}${error.retryAfter === undefined ? '' : ` (in ${error.retryAfter} seconds)`}`]
  if (error instanceof LicenseServerUnavailable) return unavailableLines(error, server)
  if (error instanceof UnexpectedAnswer)
    return [error.message, `Look at --server or LICENSE_SERVER: is ${server} the License server?`]
  if (error instanceof LicenseError) return [error.message]
  const { code, path, message } = error as { code?: string; path?: string; message?: string } // As node:fs throws.
  if (code !== undefined && path !== undefined) return [`${path} can't be used (${code}).`]
  return [`That should not happen: ${message ?? String(error)}. Please tell us.`]
}

/** What to do about it, where the server's own sentence does not say. */
const ADVICE: Record<string, string> = {
  invalid_api_key:
    'Is it the whole key, of this server, and neither revoked nor expired? `license-server key list` tells, beside the server.',
  scope_missing:
    '`cloudspot-license whoami` shows what this key may do; another one comes from `cloudspot-license key add`.',
  not_allowed: '`cloudspot-license whoami` shows what this key may do.',
  not_in_dialect: '`cloudspot-license application set ID --dialect v1` does that.',
  site_not_ready: '`cloudspot-license application set ID --django-url ADDRESS` names another one.',
  changed_meanwhile: 'Somebody changed it meanwhile. Look again, then do it again.',
  seats_full: 'Take a seat from somebody (`seat remove`), or have the license enlarged (`license set … --seats`).',
  no_license: '`license add` gives the company one.',
  no_seat: '`seat add` gives one.',
  needed_by_grants: 'Add --cascade to take those too.',
}

function refusedLines(error: Refused): string[] {
  const advice = ADVICE[error.code]
  // Of a wrong form the message is all faults in one line.
  const isList = error.code === 'invalid_input' && error.errors.length > 1
  return [
    isList ? 'This is not accepted:' : ended(plainly(error.message)),
    ...(isList ? error.errors.map(({ path, message }) => `  ${fieldOf(path)} ${message}`) : []),
    ...(advice === undefined ? [] : [advice]),
  ]
}

/** The server names fields by their place in the request, which nobody here has seen. */
function plainly(text: string): string {
  return text.replace(/\/(?:body|query|path)\/([\w/]+)/g, (place) => fieldOf(place))
}

/** Options that are called otherwise than the field that they set. */
const OPTIONS: Record<string, string> = {
  starts_at: '--from',
  ends_at: '--until',
  expires_at: '--until',
  from: '--from',
  until: '--until',
  at: '--at',
  scopes: '--scope',
  source_networks: '--network',
  act: '--act',
  django_url: '--django-url',
  impersonation_url: '--impersonation-url',
  allows_impersonation: '--allow-impersonation',
}

function fieldOf(path: string): string {
  const [first = '', ...rest] = path.replace(/^\/(?:body|query|path)\/?(?:manifest\/)?/, '').split('/')
  // As in JavaScript: permissions[2].needs.
  const place = rest.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('')
  return `${OPTIONS[first] ?? first}${place}` || 'this'
}

/** As a sentence. */
export function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function unavailableLines(error: LicenseServerUnavailable, server: string): string[] {
  if (error.code === 'unreachable')
    return [
      `The License server at ${server} does not answer.`,
      'Does it run, and is --server or LICENSE_SERVER its address?',
    ]
  if (error.code === 'timeout')
    return [
      `The License server at ${server} took too long. What was asked may have been done: look before you try again.`,
    ]
  const request = error.requestId === undefined ? '' : ` Its log has the request ${error.requestId}.`
  return [`${ended(error.message)}${request}`]
}
