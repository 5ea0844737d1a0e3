import { createProgram } from './program.ts'
import { reportError } from './report.ts'
import { chosenServer } from './settings.ts'

// Whoever reads our output may stop reading (`user list | head`): that is no error.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code !== 'EPIPE') process.stderr.write(`What there is to say can't be written (${code}).\n`)
  process.exit(code === 'EPIPE' ? 0 : 1)
})

const program = createProgram()
try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = reportError(error, chosenServer(program.opts()))
}
