// Disks that run full, without waiting for a real one to.
import { spawn, spawnSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './process.ts'
import type { Stage } from './stage.ts'

export type SmallDisk = {
  /** For the report. */
  kind: string
  /** Whether other programs meet the limit, too. */
  isForAll: boolean
  /** A folder on it. */
  folder: string
  /** In front of a program that is to see it. */
  within: readonly string[]
  fill(server: Program): void
  makeRoom(server: Program): void
}

const MEGABYTE = 1024 * 1024

/**
 * A file system of a few megabytes in memory, of its own for the programs that are started `within` it. Linux lets everybody
 * mount one in a namespace of their own, root or not; some machines forbid it. Undefined there.
 */
export async function mountSmallDisk(stage: Stage, megabytes: number): Promise<SmallDisk | undefined> {
  if (process.platform !== 'linux') return undefined
  const folder = stage.folder()
  const mount = `mount -t tmpfs -o size=${megabytes}m,mode=700 drill "$1" && echo mounted && exec sleep 3600`
  const holder = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh', folder])
  stage.watch(holder)
  holder.on('error', () => undefined)
  const isMounted = await new Promise<boolean>((resolve) => {
    holder.once('close', () => resolve(false))
    holder.stdout?.once('data', () => resolve(true))
  })
  if (!isMounted) return undefined
  const inside = `/proc/${holder.pid}/root${folder}`
  const ballast = join(inside, 'ballast')
  return {
    kind: `a full file system of ${megabytes} MB`,
    isForAll: true,
    folder,
    within: ['nsenter', `--target=${holder.pid}`, '--user', '--mount', '--preserve-credentials', '--'],
    fill() {
      // Again and again: what is free shrinks while the last bytes are taken.
      for (let tries = 0; tries < 50; tries++) {
        const { bavail, bsize } = statfsSync(inside)
        if (bavail === 0) return
        try {
          writeFileSync(ballast, Buffer.alloc(Math.min(bavail * bsize, 4 * MEGABYTE)), { flag: 'a' })
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    },
    makeRoom: () => rmSync(ballast),
  }
}

/** Files that may not grow beyond what they are: the system's limit for one process (RLIMIT_FSIZE), for which nobody needs to be root. */
export function limitFiles(stage: Stage): SmallDisk | undefined {
  if (spawnSync('prlimit', ['--version']).status !== 0) return undefined
  const setLimit = (server: Program, limit: string) => {
    const { status, stderr } = spawnSync('prlimit', [`--pid=${server.pid}`, `--fsize=${limit}`], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`prlimit: ${stderr}`)
  }
  return {
    kind: 'files that can not grow',
    isForAll: false,
    folder: stage.folder(),
    within: [],
    // The hard limit stays, so that it can be lifted again.
    fill: (server) => setLimit(server, '16384:'),
    makeRoom: (server) => setLimit(server, 'unlimited:'),
  }
}
