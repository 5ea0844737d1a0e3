import { closeSync, openSync, writeSync } from 'node:fs'

export type Report = {
  write(line: number, outcome: string, reason?: string): void
  close(): void
}

/** What became of each row, as CSV. Only its owner may read it; no value of the file is in it. */
export function openReport(file: string | undefined): Report {
  if (file === undefined) return { write: () => undefined, close: () => undefined }
  const handle = openSync(file, 'w', 0o600)
  writeSync(handle, 'line,outcome,reason\r\n')
  return {
    write: (line, outcome, reason = '') =>
      void writeSync(handle, `${line},${outcome},"${reason.replaceAll('"', '""')}"\r\n`),
    close: () => closeSync(handle),
  }
}
