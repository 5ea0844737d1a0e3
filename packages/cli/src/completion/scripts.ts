import type { Branch } from './tree.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']

/** What a shell reads to complete the program's commands and options. */
export function completionScript(shell: Shell, program: string, branches: readonly Branch[]): string {
  return { bash, zsh, fish }[shell](program, branches)
}

/** In single quotes, which all three shells read alike but for a quote itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function nameOf(program: string): string {
  return `_${program.replaceAll('-', '_')}`
}

/** Every path but the program's own, as patterns of a `case`. */
function patternsOf(branches: readonly Branch[], separator: string): string {
  return branches
    .filter(({ path }) => path !== '')
    .map(({ path }) => quote(path))
    .join(separator)
}

/** After which option a value is typed, and which ones there are to choose from. */
function valuesOf({ options }: Branch): { flag: string; choices: readonly string[] }[] {
  return options.filter(({ takesValue }) => takesValue)
}

function bash(program: string, branches: readonly Branch[]): string {
  const name = nameOf(program)
  const cases = branches.flatMap((branch) => {
    const commands = branch.commands.map((each) => each.name).join(' ')
    const flags = branch.options.map((each) => each.flag).join(' ')
    return [
      `    ${quote(branch.path)})`,
      '      case "$before" in',
      ...valuesOf(branch).map(({ flag, choices }) => `        ${flag}) words=${quote(choices.join(' '))} ;;`),
      `        *) if [[ "$typed" == -* ]]; then words=${quote(flags)}; else words=${quote(commands)}; fi ;;`,
      '      esac ;;',
    ]
  })
  return [
    `# Completion of ${program} for bash. In ~/.bashrc: eval "$(${program} completion bash)"`,
    `${name}() {`,
    `  local typed="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at= words= i`,
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    `    case "$at \${COMP_WORDS[i]}" in`,
    `      ${patternsOf(branches, '|')}) at="$at \${COMP_WORDS[i]}" ;;`,
    '    esac',
    '  done',
    '  case "$at" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$typed"))',
    '}',
    // Where nothing of ours fits, a file is meant.
    `complete -o default -F ${name} ${program}`,
    '',
  ].join('\n')
}

function zsh(program: string, branches: readonly Branch[]): string {
  const name = nameOf(program)
  const told = (word: string, description: string) => quote(`${word}:${description.replaceAll(':', '\\:')}`)
  const cases = branches.flatMap((branch) => {
    const commands = branch.commands.map((each) => told(each.name, each.description)).join(' ')
    const flags = branch.options.map((each) => told(each.flag, each.description)).join(' ')
    return [
      `    ${quote(branch.path)})`,
      `      case "\${words[CURRENT-1]}" in`,
      ...valuesOf(branch).map(({ flag, choices }) => `        ${flag}) found=(${choices.map(quote).join(' ')}) ;;`),
      `        *) if [[ "$PREFIX" == -* ]]; then found=(${flags}); else found=(${commands}); fi ;;`,
      '      esac ;;',
    ]
  })
  return [
    `#compdef ${program}`,
    `# Completion of ${program} for zsh. In ~/.zshrc, after compinit: eval "$(${program} completion zsh)"`,
    `${name}() {`,
    '  local at= i',
    '  local -a found',
    '  for ((i = 2; i < CURRENT; i++)); do',
    `    case "$at \${words[i]}" in`,
    `      ${patternsOf(branches, '|')}) at="$at \${words[i]}" ;;`,
    '    esac',
    '  done',
    '  case "$at" in',
    ...cases,
    '  esac',
    `  if (( \${#found} )); then _describe '${program}' found; else _files; fi`,
    '}',
    // As a file of fpath it is the function itself; by eval it is only made known.
    `if [[ "\${funcstack[1]}" == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi`,
    '',
  ].join('\n')
}

function fish(program: string, branches: readonly Branch[]): string {
  const name = `_${nameOf(program)}_at`
  const lines = branches.flatMap((branch) => {
    const here = `complete -c ${program} -n ${fishQuote(`${name} ${fishQuote(branch.path)}`)}`
    return [
      ...branch.commands.map((each) => `${here} -f -a ${each.name} -d ${fishQuote(each.description)}`),
      ...branch.options.map(({ flag, description, takesValue, choices }) => {
        const value = choices.length > 0 ? ` -x -a ${fishQuote(choices.join(' '))}` : takesValue ? ' -r -F' : ''
        return `${here} -l ${flag.slice(2)}${value} -d ${fishQuote(description)}`
      }),
    ]
  })
  const paths = branches.filter(({ path }) => path !== '').map(({ path }) => fishQuote(path))
  return [
    `# Completion of ${program} for fish: ${program} completion fish > ~/.config/fish/completions/${program}.fish`,
    `function ${name}`,
    "  set -l at ''",
    '  for word in (commandline -opc)[2..-1]',
    '    switch "$at $word"',
    `      case ${paths.join(' ')}`,
    '        set at "$at $word"',
    '    end',
    '  end',
    '  test "$at" = "$argv[1]"',
    'end',
    ...lines,
    '',
  ].join('\n')
}

/** fish knows a backslash within single quotes. */
function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
