import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { AppError, type Fault } from '../errors.ts'
import { HOUSE, type HouseFile } from './house-schema.ts'

// The library stops at 8 errors; a house file is told all of its own.
const MAX_FAULTS = 1_000
Settings.Set({ maxErrors: MAX_FAULTS })

/** Reads a house file's text. What it names is looked up later, with the house. @throws AppError `invalid_input` with every fault */
export function readHouse(text: string): HouseFile {
  let house: unknown
  try {
    house = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new AppError('invalid_input', { detail: `This is no JSON${whereIn(error as Error)}.` })
  }
  return checkHouse(house)
}

/** Only the place: what the parser repeats of the file may be a password. */
function whereIn({ message }: Error): string {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? []
  return line === undefined ? '' : ` (line ${line}, column ${column})`
}

export function checkHouse(house: unknown): HouseFile {
  const form = formFaults(house)
  // What has the form is as shallow as it: only then is it walked.
  const faults = form.length > 0 ? form : textFaults(house)
  if (faults.length > 0) throw houseFaults(faults)
  return house as HouseFile // The schema says so.
}

export function houseFaults(faults: readonly Fault[]): AppError {
  const count =
    faults.length === 1 ? 'One thing is' : `${faults.length}${faults.length < MAX_FAULTS ? '' : ' or more'} things are`
  return new AppError('invalid_input', { detail: `${count} wrong in the house file; nothing was stored.`, faults })
}

function formFaults(house: unknown): Fault[] {
  const faults = new Map<string, string>()
  const choices: string[] = []
  for (const error of Value.Errors(HOUSE, house)) {
    const path = error.instancePath || '/'
    if (error.keyword === 'anyOf') choices.push(path)
    // A choice that fails reports each of its branches: the first, most telling, stays.
    else for (const [at, message] of sentences(path, error)) if (!faults.has(at)) faults.set(at, message)
  }
  for (const path of choices)
    if (![...faults.keys()].some((at) => at.startsWith(path))) faults.set(path, 'is not of the documented form')
  return [...faults].map(([path, message]) => ({ path, message }))
}

type FormError = ReturnType<typeof Value.Errors>[number]

function sentences(path: string, { keyword, params, message }: FormError): [string, string][] {
  const given = params as Record<string, unknown> // By keyword, as JSON Schema's validators report them.
  const list = (key: string) => (Array.isArray(given[key]) ? (given[key] as string[]) : [])
  if (keyword === 'additionalProperties')
    return list('additionalProperties').map((name) => [`${path === '/' ? '' : path}/${name}`, 'there is no such field'])
  if (keyword === 'boolean') return [[path, 'there is no such field']]
  if (keyword === 'required')
    return [
      [
        path,
        `${list('requiredProperties')
          .map((name) => `"${name}"`)
          .join(' and ')} is missing`,
      ],
    ]
  if (keyword === 'enum') return [[path, `must be one of ${list('allowedValues').join(', ')}`]]
  if (/^\/licenses\/\d+\/permissions$/.test(path)) return [[path, 'must be "all" or a list of slugs']]
  if (keyword === 'pattern') return [[path, patternSentence(path)]]
  return [[path, message]]
}

function patternSentence(path: string): string {
  if (/\/secret$/.test(path)) return 'must be 8 to 200 printable ASCII characters without blanks'
  if (/\/id$/.test(path) && !path.startsWith('/applications')) return 'must be a UUID'
  if (/\/(id|application)$/.test(path)) return 'must be 1 to 100 letters, digits, dots, underscores or dashes'
  if (/\/(company|name|managed_by)$/.test(path)) return 'must not be blank'
  return 'must be 1 to 100 letters, digits, underscores, dots, colons or dashes'
}

/** Characters that no database text has, wherever they stand. */
function textFaults(value: unknown, path = ''): Fault[] {
  if (typeof value === 'string') {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
    const isClean = value.isWellFormed() && !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value)
    return isClean || path.endsWith('/password') ? [] : [{ path, message: 'has a control character or a broken one' }]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => textFaults(each, `${path}/${key}`))
}
