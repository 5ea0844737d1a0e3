import { buffer } from 'node:stream/consumers'
import { isCancel, password as prompt } from '@clack/prompts'
import { CommandError } from '../errors.ts'

type Asking = {
  fromStdin: boolean
  /** What is wrong with a password, as the end of a sentence. */
  faultOf(password: string): string | undefined
}

/** A password from whoever sits at the terminal, hidden and asked for twice, or from standard input. */
export async function askPassword(email: string, asking: Asking): Promise<string> {
  if (asking.fromStdin || !process.stdin.isTTY) return readPassword()
  const first = await ask(`New password for ${email}`, (typed) => {
    const fault = asking.faultOf(typed)
    return fault && `It ${fault}.`
  })
  await ask('The same again', (typed) => (typed === first ? undefined : 'It is not the same.'))
  return first
}

async function ask(message: string, fault: (typed: string) => string | undefined): Promise<string> {
  // On standard error, so that the answer on standard output stays clean.
  const typed = await prompt({ message, validate: (value) => fault(value ?? ''), output: process.stderr })
  if (isCancel(typed)) throw new CommandError('Nothing was changed.')
  return typed
}

async function readPassword(): Promise<string> {
  const bytes = await buffer(process.stdin)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CommandError('The password on standard input is no UTF-8 text.')
  }
  // The line end is the pipe's, not the password's.
  const password = text.replace(/\r?\n$/, '')
  if (password === '') throw new CommandError('There is no password on standard input.')
  if (/[\r\n]/.test(password))
    throw new CommandError('There is more than one line on standard input: give the password alone.')
  return password
}
