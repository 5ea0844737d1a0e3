#!/usr/bin/env node
// Plain JavaScript that an old Node reads too; what needs a newer one is imported after the check.
const [major, minor] = process.versions.node.split('.').map(Number)

if (major > 24 || (major === 24 && minor >= 15)) {
  import('../dist/main.js')
} else {
  console.error(
    `license-server needs Node 24.15 or newer; this is Node ${process.versions.node} (${process.execPath}): install a newer one, or put it first in the PATH.`,
  )
  process.exitCode = 1
}
