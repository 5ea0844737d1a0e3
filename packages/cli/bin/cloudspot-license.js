#!/usr/bin/env node
// Plain JavaScript that an old Node reads too; what needs a newer one is imported after the check.
const [major, minor] = process.versions.node.split('.').map(Number)

if (major > 22 || (major === 22 && minor >= 12)) {
  import('../dist/main.js')
} else {
  console.error(
    `cloudspot-license needs Node 22.12 or newer; this is Node ${process.versions.node} (${process.execPath}): install a newer one, or put it first in the PATH.`,
  )
  process.exitCode = 1
}
