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

function readServer(typed: string): string {
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
      : [readKeyFile(keyFile, warn), keyFile]
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

function readKeyFile(path: string, warn: (line: string) => void): string {
  let text: string
  let mode: number
  try {
    mode = statSync(path).mode
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException // As node:fs throws.
    throw new CommandError(`The key file ${path} can't be read (${code}).`, 2)
  }
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    warn(`Other users of this machine may read ${path}: chmod 600 ${path}`)
  return text
}
