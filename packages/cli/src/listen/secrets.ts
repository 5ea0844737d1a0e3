import { randomBytes } from 'node:crypto'
import { signWebhook } from 'cloudspot-license-api/webhooks'
import { askSecret } from '../ask.ts'
import { CommandError } from '../errors.ts'
import { readSecret } from '../settings.ts'

type Warn = (line: string) => void

/** What events are signed with, and where that stands: nowhere, where it was made just now. */
export type Signing = { secrets: readonly string[]; place: string | undefined }

/** Several stand there with blanks between, as while an endpoint's secret changes. @throws CommandError */
export async function readSigning(file: string | undefined, warn: Warn): Promise<Signing> {
  const found = readSecret('LICENSE_WEBHOOK_SECRET', file, warn)
  if (found === undefined) return { secrets: [`whsec_${randomBytes(32).toString('base64')}`], place: undefined }
  const secrets = found.text.split(/\s+/)
  try {
    await signWebhook('', { id: 'a-test' }, secrets)
  } catch (error) {
    const { message } = error as TypeError // As `signWebhook` throws; it repeats no secret.
    throw new CommandError(`${found.place} holds no secret to sign with. ${message}`, 2)
  }
  return { secrets, place: found.place }
}

/** @throws CommandError where there is none, and nobody who can be asked */
export async function readApplicationSecret(
  application: string,
  file: string | undefined,
  warn: Warn,
): Promise<string> {
  const found = readSecret('LICENSE_APPLICATION_SECRET', file, warn)
  const secret = found?.text ?? (await askSecret(application))
  if (secret === undefined)
    throw new CommandError(
      [
        `There is no secret of ${application}. Put it in LICENSE_APPLICATION_SECRET, or in a file that --secret-file names.`,
        `An operator makes one: cloudspot-license application secret ${application}`,
      ],
      2,
    )
  if (/^[\x21-\x7e]{1,4096}$/.test(secret)) return secret
  throw new CommandError(`${found?.place ?? 'That'} holds no secret of an application: it is one word in ASCII.`, 2)
}

/** For options that somebody may try. */
export function refuseSecret(): never {
  throw new CommandError(
    [
      "A secret is not given on the command line, where everybody on this machine sees it and the shell's history keeps it.",
      "Put the application's in LICENSE_APPLICATION_SECRET, and the one to sign with in LICENSE_WEBHOOK_SECRET, or in files that --secret-file and --webhook-secret-file name.",
    ],
    2,
  )
}
