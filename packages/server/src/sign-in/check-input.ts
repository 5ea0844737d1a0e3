import { AppError, type Fault } from '../errors.ts'

/**
 * Takes name and password out of whatever was sent. What can be no text is told as such, alike for all accounts. How long they
 * may be is bounded by the body's limit; a password longer than any that we keep is a wrong one.
 */
export function checkInput(body: unknown): { username: string; password: string } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new AppError('invalid_input', { detail: 'Send a JSON object with username and password.' })
  }
  const { username, password } = body as Record<string, unknown> // An object, as was just seen.
  const faults = [...textFaults('username', username), ...textFaults('password', password)]
  if (faults.length > 0 || typeof username !== 'string' || typeof password !== 'string') {
    const detail = `What was sent is no name and password: ${faults.map((fault) => fault.message).join('; ')}.`
    throw new AppError('invalid_input', { detail, faults })
  }
  return { username, password }
}

/** The name, where there is one that can be looked up: the application is asked for before anything of this is judged. */
export function usernameIn(body: unknown): string {
  const username: unknown = typeof body === 'object' && body !== null && 'username' in body ? body.username : ''
  return typeof username === 'string' && textFaults('username', username).length === 0 ? username : ''
}

function textFaults(name: string, value: unknown): Fault[] {
  const path = `/${name}`
  if (typeof value !== 'string') return [{ path, message: `${name} must be a text` }]
  // A password may have a NUL: it is hashed. PostgreSQL has no text with one to look a name up by.
  if (!value.isWellFormed() || (name !== 'password' && value.includes('\0')))
    return [{ path, message: `${name} has a character that no text has` }]
  return []
}
