import type { Command } from 'commander'
import { changeCommands } from './keys-change.ts'
import { checkCommands } from './keys-check.ts'
import { forgetLostCommand } from './keys-lost.ts'

export function keysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .description('See, check and rotate the key ring. It seals what must be readable again; it signs nobody in or out.')
  checkCommands(keys)
  changeCommands(keys)
  forgetLostCommand(keys)
}
