import type { Command, Option } from 'commander'

/** One command as a shell completes it. */
export type Branch = {
  /** From the program down: `''`, `' user'`, `' user list'`. */
  path: string
  commands: { name: string; description: string }[]
  options: { flag: string; description: string; takesValue: boolean; choices: readonly string[] }[]
}

/** Every command that is shown in a help, with the options that it takes, those of the whole program among them. */
export function branchesOf(program: Command): Branch[] {
  return collect(program, '', [])
}

function collect(command: Command, path: string, inherited: readonly Option[]): Branch[] {
  const help = command.createHelp()
  const options = [...help.visibleOptions(command), ...inherited]
  // `help` is commander's own, which --help says as well.
  const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help')
  const own: Branch = {
    path,
    commands: commands.map((each) => ({ name: each.name(), description: firstLine(each.description()) })),
    options: options.flatMap((option) =>
      option.long === undefined || option.long === null
        ? []
        : [
            {
              flag: option.long,
              description: firstLine(option.description),
              takesValue: option.required || option.optional,
              choices: option.argChoices ?? [],
            },
          ],
    ),
  }
  const handedOn = [...inherited, ...command.options.filter((option) => !option.hidden && option.long !== '--version')]
  return [own, ...commands.flatMap((each) => collect(each, `${path} ${each.name()}`, handedOn))]
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/\.$/, '')
}
