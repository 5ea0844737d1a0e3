import { pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { PBKDF2 } from '../domain/password-scheme.ts'
import type { ForeignHash } from './password-hash.ts'

/** A string from elsewhere must not make one sign-in cost minutes. */
const MAX_ITERATIONS = 2_000_000
const LEAST_BYTES = 16
const MOST_BYTES = 64

const derive = promisify(pbkdf2)

/** Django's `pbkdf2_sha256$<iterations>$<salt>$<hash>`: the salt is a text as it stands. Undefined for another form or too many iterations. */
export function readDjangoPbkdf2(text: string): ForeignHash | undefined {
  const [, iterations = '', salt = '', encoded = '', ...rest] = text.split('$')
  const wanted = Buffer.from(encoded, 'base64')
  const isRead = salt !== '' && wanted.length === 32 && rest.length === 0
  return isRead ? verifierOf('sha256', iterations, Buffer.from(salt), wanted) : undefined
}

const FORM =
  /^\$(pbkdf2(?:-sha256|-sha512)?)\$(?:i=)?(\d{1,7})(?:,l=(\d{1,3}))?\$([A-Za-z0-9+/.]{2,}={0,2})\$([A-Za-z0-9+/.]{16,}={0,2})$/

/**
 * `$pbkdf2-sha512$i=210000$<salt>$<hash>`, both in base64, as Keycloak's passwords are written here and in the PHC's form; without
 * `i=`, as passlib writes it. Undefined for another form or too many iterations.
 */
export function readPbkdf2(text: string): ForeignHash | undefined {
  const [, name = '', iterations = '', length, salt = '', encoded = ''] = FORM.exec(text) ?? []
  const kind = Object.hasOwn(PBKDF2, name) ? PBKDF2[name as keyof typeof PBKDF2] : undefined // One of its own.
  // passlib writes a dot for the plus.
  const [saltBytes, wanted] = [salt, encoded].map((each) => Buffer.from(each.replaceAll('.', '+'), 'base64')) as [
    Buffer,
    Buffer,
  ] // One of each.
  const isRead = wanted.length >= LEAST_BYTES && wanted.length <= MOST_BYTES && saltBytes.length > 0
  if (!kind || !isRead || (length !== undefined && Number(length) !== wanted.length)) return undefined
  return verifierOf(kind.digest, iterations, saltBytes, wanted, Math.ceil(wanted.length / kind.bytes))
}

/** `rounds`: how many times over the iterations are done. */
function verifierOf(
  digest: string,
  iterations: string,
  salt: Buffer,
  wanted: Buffer,
  rounds = 1,
): ForeignHash | undefined {
  if (!/^[1-9]\d{0,6}$/.test(iterations) || Number(iterations) * rounds > MAX_ITERATIONS) return undefined
  return {
    async verify(password) {
      return timingSafeEqual(await derive(password, salt, Number(iterations), wanted.length, digest), wanted)
    },
  }
}
