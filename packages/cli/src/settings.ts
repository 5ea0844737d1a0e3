import { readFileSync, statSync } from 'node:fs'
import { CommandError } from './errors.ts'

/** Options that every command takes. */
export type GlobalOptions = { server?: string; keyFile?: string; json?: boolean; yes?: boolean }

export type Settings = { server: string; key: string }

export const DEFAULT_SERVER = 'http://localhost:8000'

/** The only reader of the environment. @throws CommandError that says which setting is missing or wrong */
export function readSettings(options: GlobalOptions, warn: (line: string) => void): Settings {
  return { server: readServer(chosenServer(options)), key: readKey(options, warn) }
}

export function chosenServer({ server }: GlobalOptions): string {
  return server ?? (process.env.LICENSE_SERVER || DEFAULT_SERVER)
}

/** @throws CommandError for what is no plain address */
export function readServer(typed: string): string {
  const url = URL.canParse(typed) ? new URL(typed) : undefined
  // What was typed is not repeated where it may hold a password.
  if (url && (url.username !== '' || url.password !== ''))
    throw new CommandError(
      "The server's address holds a name or a password. Give it without: the API key is enough.",
      2,
    )
  if (url && (url.protocol === 'http:' || url.protocol === 'https:') && url.search === '' && url.hash === '')
    return url.href.replace(/\/$/, '')
  throw new CommandError(
    `"${typed}" is no address of a License server. Give --server or LICENSE_SERVER like https://license.example or ${DEFAULT_SERVER}.`,
    2,
  )
}

function readKey({ keyFile }: GlobalOptions, warn: (line: string) => void): string {
  const [typed, place] =
    keyFile === undefined
      ? [process.env.LICENSE_API_KEY ?? '', 'LICENSE_API_KEY']
      : [readOwnFile(keyFile, 'key file', warn), keyFile]
  const key = typed.trim()
  if (key === '' && keyFile === undefined)
    throw new CommandError(
      [
        'There is no API key. Put it in LICENSE_API_KEY, or in a file that --key-file names.',
        'The first one is made beside the server: license-server key create --name setup --operator',
      ],
      2,
    )
  if (/^clk_[A-Za-z0-9]{1,200}$/.test(key)) return key
  throw new CommandError(`${place} holds no API key. It is one line that begins with clk_.`, 2)
}

/** The application that is meant, where none is named. */
export function usualApplication(): string | undefined {
  return process.env.LICENSE_APPLICATION?.trim() || undefined
}

export type SecretSetting = 'LICENSE_APPLICATION_SECRET' | 'LICENSE_WEBHOOK_SECRET'

/**
 * A secret, and where it stands: in the file that an option names, else in a variable or in the file that its `…_FILE` names.
 *
 * @throws CommandError for a file that can't be read or is empty, and where both variables are set
 */
export function readSecret(
  name: SecretSetting,
  file: string | undefined,
  warn: (line: string) => void,
): { text: string; place: string } | undefined {
  const direct = process.env[name]?.trim() || undefined
  const ofFile = process.env[`${name}_FILE`]?.trim() || undefined
  if (file === undefined && direct !== undefined && ofFile !== undefined)
    throw new CommandError(`${name} and ${name}_FILE are both set: leave one out.`, 2)
  const path = file ?? ofFile
  if (path === undefined) return direct === undefined ? undefined : { text: direct, place: name }
  const text = readOwnFile(path, 'file', warn).trim()
  if (text === '') throw new CommandError(`The file ${path} is empty: it should hold a secret.`, 2)
  return { text, place: path }
}

function readOwnFile(path: string, what: string, warn: (line: string) => void): string {
  let text: string
  let mode: number
  try {
    mode = statSync(path).mode
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException // As node:fs throws.
    throw new CommandError(`The ${what} ${path} can't be read (${code}).`, 2)
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    warn(`Other users of this machine may read ${path}: chmod 600 ${path}`)
  return text
}
