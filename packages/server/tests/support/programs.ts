import { fileURLToPath } from 'node:url'

const source = (path: string) => fileURLToPath(new URL(`../../../${path}/src/main.ts`, import.meta.url))

/** `npm test` makes files of them that start in half the time; a single file run by hand takes the source. */
export const { TEST_SERVER_PROGRAM: SERVER_PROGRAM = source('server'), TEST_CLI_PROGRAM: CLI_PROGRAM = source('cli') } =
  process.env
