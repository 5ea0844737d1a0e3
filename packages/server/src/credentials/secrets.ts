import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Each kind of secret says by its prefix what it is, and works in no other's place (tests/credentials/purpose.test.ts). */
export type SecretPrefix = 'clt_' | 'cls_' | 'clk_'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 62^43 is more than 2^256. */
const BODY = 43
const CHECKSUM = 6
const SHAPE = /^[0-9A-Za-z]{49}$/

/** A new secret of 256 random bits: prefix, 43 base62 digits, 6 of checksum; 53 characters. */
export function newSecret(prefix: SecretPrefix): string {
  const body = base62(BigInt(`0x${randomBytes(32).toString('hex')}`))
  return prefix + body + checksum(prefix, body)
}

/** Whether a text can be such a secret at all: a mistyped or cut one is refused without asking the database. */
export function isWellFormed(prefix: SecretPrefix, text: string): boolean {
  if (!text.startsWith(prefix) || !SHAPE.test(text.slice(prefix.length))) return false
  const body = text.slice(prefix.length, prefix.length + BODY)
  return text.slice(prefix.length + BODY) === checksum(prefix, body)
}

/** What is stored of a secret: SHA-256, base64url. Enough for 256 random bits; passwords are hashed otherwise. */
export function secretHash(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

export function isSecretOf(secret: string, stored: string): boolean {
  return timingSafeEqual(Buffer.from(secretHash(secret)), Buffer.from(stored))
}

function checksum(prefix: string, body: string): string {
  let digits = ''
  // By numbers, which hold it: every request has one to check.
  for (let rest = crc32(prefix + body); digits.length < CHECKSUM; rest = Math.floor(rest / 62))
    digits = DIGITS[rest % 62] + digits
  return digits
}

function base62(value: bigint): string {
  let digits = ''
  for (let rest = value; digits.length < BODY; rest /= 62n) digits = DIGITS[Number(rest % 62n)] + digits
  return digits
}
