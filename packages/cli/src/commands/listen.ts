import { LicenseClient, LicenseError } from 'cloudspot-license-api'
import { type Command, Option } from 'commander'
import { isAttended } from '../ask.ts'
import { examples, several, withoutKey } from '../command.ts'
import { CommandError } from '../errors.ts'
import { displayJson, displayLines } from '../listen/display.ts'
import { tellEnd } from '../listen/end.ts'
import { onKeys } from '../listen/keys.ts'
import { Listening } from '../listen/listening.ts'
import { LISTENED_TYPES, readApplication, readCursor, readForwardTo, readTypes } from '../listen/options.ts'
import { readApplicationSecret, readSigning, refuseSecret } from '../listen/secrets.ts'
import { chosenServer, readServer } from '../settings.ts'

type Options = {
  forwardTo?: string
  type?: string[]
  since?: string
  secretFile?: string
  webhookSecretFile?: string
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function listenCommand(program: Command): void {
  const listen = program
    .command('listen')
    .argument('[application]', 'id (or LICENSE_APPLICATION)')
    .description(
      "Show an application's events as they happen, and send them, signed, to a handler on this machine. Takes the application's secret and no API key.",
    )
    .option('--forward-to <address>', 'send each there as the server would, such as http://localhost:3000/hook')
    .option('--type <type...>', `these events alone: ${LISTENED_TYPES.join(', ')}`, several)
    .option('--since <cursor>', 'go on from there; from now on without')
    .option('--secret-file <file>', "a file with the application's secret (or LICENSE_APPLICATION_SECRET)")
    .option(
      '--webhook-secret-file <file>',
      'a file with what to sign with (or LICENSE_WEBHOOK_SECRET; else one is made)',
    )
    .addOption(new Option('--secret [secret]').hideHelp().argParser(refuseSecret).preset(''))
    .addOption(new Option('--webhook-secret [secret]').hideHelp().argParser(refuseSecret).preset(''))
    .action(
      withoutKey<[application: string | undefined], Options>(async (out, [typed], options) => {
        const server = readServer(chosenServer(options))
        const application = readApplication(typed)
        const forwardTo = options.forwardTo === undefined ? undefined : readForwardTo(options.forwardTo)
        const types = readTypes(options.type)
        const since = readCursor(options.since)
        const signing = forwardTo && (await readSigning(options.webhookSecretFile, out.note))
        const secret = await readApplicationSecret(application, options.secretFile, out.note)

        const license = new LicenseClient(application, { baseUrl: server, secret })
        const receiver = forwardTo && signing && { url: forwardTo, secrets: signing.secrets }
        const hasKeys = isAttended()
        const scene = { application, server, isSince: since !== undefined, forwardTo, signing, hasKeys }
        const display = (out.isJson ? displayJson : displayLines)(out, scene)
        const ending = new AbortController()
        const listening = new Listening({ license, since, types, receiver }, display, ending.signal)

        const end = () => ending.abort()
        for (const signal of SIGNALS) process.on(signal, end)
        const keys = {
          r: () => listening.replay(),
          s: () => listening.showLast(),
          q: end,
          // Ctrl-C and Ctrl-D, of which the terminal makes nothing while keys are read.
          '\u0003': end,
          '\u0004': end,
        }
        const release = hasKeys ? onKeys(keys) : undefined
        let isGone = false
        try {
          await listening.run()
        } catch (error) {
          isGone = error instanceof LicenseError && error.code === 'cursor_gone'
          throw explained(error, application)
        } finally {
          release?.()
          for (const signal of SIGNALS) process.off(signal, end)
          if (!isGone) tellEnd(out, listening.tally, { ...options, application })
        }
      }),
    )
  examples(listen, [
    'cloudspot-license listen crm --forward-to http://localhost:3000/hook',
    'cloudspot-license listen crm --type permissions.updated --json',
  ])
}

/** What the server refuses, with what to do about it. */
function explained(error: unknown, application: string): unknown {
  if (!(error instanceof LicenseError)) return error
  const advice: Record<string, string> = {
    cursor_gone:
      'Without --since it listens from now on; what holds by now is in a snapshot (`license.snapshot()`, GET /api/v1/application/snapshot).',
    invalid_input: `Is that cursor one of ${application}, and of this server? Without --since it listens from now on.`,
    unknown_application: '`cloudspot-license application list` shows which there are, and which are switched off.',
    application_secret_required: `Is it the secret of ${application}, and the last one that was made? An operator makes another: cloudspot-license application secret ${application}`,
    application_source_refused: `An operator may let this machine in: cloudspot-license application set ${application} --network`,
  }
  const told = advice[error.code]
  return told === undefined ? error : new CommandError([error.message, told])
}
