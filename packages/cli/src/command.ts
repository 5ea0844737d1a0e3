import { LicenseAdmin } from 'cloudspot-license-api/admin'
import { type Command, InvalidArgumentError } from 'commander'
import { CommandError } from './errors.ts'
import { createOut, type Out } from './output/out.ts'
import { type GlobalOptions, readSettings } from './settings.ts'

/** What a command works with: the server, and how it speaks to whoever typed it. */
export type House = { admin: LicenseAdmin; out: Out; server: string }

type Handle<Args extends unknown[], Options> = (
  house: House,
  args: Args,
  options: Options & GlobalOptions,
) => Promise<void>

/** An action on the house: opened by the settings of the whole program. */
export function onHouse<Args extends unknown[], Options = unknown>(
  handle: Handle<Args, Options>,
): (...given: unknown[]) => Promise<void> {
  return withoutKey<Args, Options>(async (out, args, options) => {
    const { server, key } = readSettings(options, out.note)
    await handle({ admin: new LicenseAdmin({ baseUrl: server, apiKey: key }), out, server }, args, options)
  })
}

/** An action that no API key is needed for. */
export function withoutKey<Args extends unknown[], Options = unknown>(
  handle: (out: Out, args: Args, options: Options & GlobalOptions) => Promise<void>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // Commander hands on the arguments, the command's options, and the command.
    const command = given.at(-1) as Command
    const options = command.optsWithGlobals<Options & GlobalOptions>()
    await handle(createOut(options.json === true), given.slice(0, -2) as Args, options)
  }
}

const EXAMPLES = new WeakMap<Command, readonly string[]>()

/** Shows them at the end of the command's help; tests/help.test.ts wants some of every command, and parses them. */
export function examples(command: Command, lines: readonly string[]): void {
  EXAMPLES.set(command, lines)
  const heading = lines.length === 1 ? 'Example' : 'Examples'
  command.addHelpText('after', `\n${heading}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)
}

export function examplesOf(command: Command): readonly string[] {
  return EXAMPLES.get(command) ?? []
}

/** A noun, whose verbs are commands of their own. */
export function noun(program: Command, name: string, description: string): Command {
  return program.command(name).description(description)
}

/** A verb that a noun does not have, for whoever tries it all the same. */
export function noVerb(parent: Command, name: string, sentence: string): void {
  parent
    .command(name, { hidden: true })
    .argument('[any...]')
    .allowUnknownOption()
    .action(() => {
      throw new CommandError(sentence, 2)
    })
}

/** Ends with the exit code of wrong use. */
export function wrongUse(sentence: string): never {
  throw new CommandError(sentence, 2)
}

/** For an option that takes a whole number. */
export function wholeNumber(min: number, max: number): (typed: string) => number {
  return (typed) => {
    const number = /^\d{1,10}$/.test(typed) ? Number(typed) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/** For an option that may be given several times, or with commas. */
export function several(typed: string, before: string[] = []): string[] {
  const parts = typed.split(',').map((part) => part.trim())
  return [...before, ...parts.filter((part) => part !== '')]
}

/** Of an option that can be taken away: null where `none` was typed. Commander itself has no null. */
export function orNull<T>(typed: T | 'none' | undefined): T | null | undefined {
  return typed === 'none' ? null : typed
}

/** For an option that takes a whole number, or a word instead. */
export function wholeNumberOr<W extends string>(word: W, min: number, max: number): (typed: string) => number | W {
  return (typed) => (typed === word ? word : wholeNumber(min, max)(typed))
}

/** Without what was not given, so that a change names only what was typed. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // The same fields, fewer of them.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

/** @throws CommandError where nothing was given to change */
export function requireChanges<T extends object>(changes: T): T {
  if (Object.keys(changes).length > 0) return changes
  return wrongUse('There is nothing to change: name what is to be different (--help shows what there is).')
}
