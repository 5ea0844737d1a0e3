import { buffer } from 'node:stream/consumers'
import { confirm, isCancel, password as prompt } from '@clack/prompts'
import { CommandError } from './errors.ts'
import { clean } from './output/clean.ts'

/** Whether somebody sits at a terminal who can be asked. */
export function isAttended(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/**
 * Before what can't be taken back: asks on a terminal, and elsewhere wants `--yes`.
 *
 * @throws CommandError where it is not wanted
 */
export async function requireYes(wish: { yes?: boolean | undefined }, question: string): Promise<void> {
  if (wish.yes) return
  if (!isAttended())
    throw new CommandError([question, 'Nothing was changed: there is nobody to ask here. Add --yes to do it.'])
  // On standard error, so that the answer on standard output stays clean.
  const told = await confirm({ message: clean(question), initialValue: false, output: process.stderr })
  if (told !== true) throw new CommandError('Nothing was changed.')
}

/** A new password from whoever sits at the terminal, hidden and asked for twice, or the one line on standard input. */
export async function askPassword(email: string): Promise<string> {
  if (!isAttended()) return readPassword()
  const first = await askHidden(`New password for ${clean(email)}`, (typed) =>
    typed === '' ? 'It is empty.' : undefined,
  )
  await askHidden('The same again', (typed) => (typed === first ? undefined : 'It is not the same.'))
  return first
}

/** An application's secret from whoever sits at the terminal, hidden; undefined where nobody can be asked. */
export async function askSecret(application: string): Promise<string | undefined> {
  if (!isAttended()) return undefined
  const fault = (typed: string) => (typed.trim() === '' ? 'It is empty.' : undefined)
  const typed = await askHidden(`The secret of ${clean(application)}`, fault, 'Nothing was asked for.')
  return typed.trim()
}

async function askHidden(
  message: string,
  fault: (typed: string) => string | undefined,
  cancelled = 'Nothing was changed.',
): Promise<string> {
  const typed = await prompt({ message, validate: (value) => fault(value ?? ''), output: process.stderr })
  if (isCancel(typed)) throw new CommandError(cancelled)
  return typed
}

async function readPassword(): Promise<string> {
  const bytes = await buffer(process.stdin)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CommandError('The password on standard input is no UTF-8 text.', 2)
  }
  // The line end is the pipe's, not the password's.
  const password = text.replace(/\r?\n$/, '')
  if (password === '')
    throw new CommandError('There is no password on standard input: printf \'%s\' "$PASSWORD" | cloudspot-license …', 2)
  if (/[\r\n]/.test(password))
    throw new CommandError('There is more than one line on standard input: give the password alone.', 2)
  return password
}
