import { Argument, type Command } from 'commander'
import { examples } from '../command.ts'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts'
import { branchesOf } from '../completion/tree.ts'

export function completionCommand(program: Command): void {
  const completion = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that is to complete').choices(SHELLS))
    .description('Print what a shell needs to complete commands and options.')
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, program.name(), branchesOf(program)))
    })
  examples(completion, [
    'eval "$(cloudspot-license completion bash)"',
    'cloudspot-license completion fish > ~/.config/fish/completions/cloudspot-license.fish',
  ])
}
