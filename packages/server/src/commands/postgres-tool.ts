/** How one of PostgreSQL's own tools is called for this database, without the password: the tool asks for it. */
export function postgresTool(tool: string, url: string): string {
  const { hostname, port, username, pathname, searchParams } = new URL(url)
  const host = decodeURIComponent(hostname) || searchParams.get('host') || ''
  const parts = [tool]
  if (host) parts.push(`--host=${shellWord(host.replace(/^\[|\]$/g, ''))}`)
  if (port) parts.push(`--port=${port}`)
  if (username) parts.push(`--username=${shellWord(decodeURIComponent(username))}`)
  parts.push(`--dbname=${shellWord(decodeURIComponent(pathname.slice(1)))}`)
  return parts.join(' ')
}

/** As a shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w.:@%/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
