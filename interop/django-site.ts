// The example site (examples/django) with one release of the published Django package, in a process of its own, and a browser
// to visit it with; django/serve.py describes what is exchanged.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setDefaultCACertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { startPython } from './python-process.ts'

export interface SiteOptions {
  /** Of the environment with the release. */
  python: string
  /** Of the License server. */
  license: string
  application: string
  /** What the site checks signatures with. Without one it checks none, as sites do that have only the package. */
  webhookSecret?: string | undefined
}

/** What the package stored of a user. */
export interface StoredUser {
  first_name: string
  last_name: string
  email: string
  pin: string | null
  token: string | null
  company: string | null
  /** By name. */
  companies: string[]
  permissions: string[]
}

export interface Site extends AsyncDisposable {
  release: string
  django: string
  url: string
  /** As an operator enters it. */
  base: string
  visitor(): Visitor
  /** By username. */
  stored(): Promise<Record<string, StoredUser>>
  /** What Django said went wrong inside, a line each. */
  complaints(): string[]
}

const tls = new URL('../packages/server/tests/outbound/tls/', import.meta.url)
// Of this process: the test and the server in it.
setDefaultCACertificates([readFileSync(new URL('ca.pem', tls), 'utf8')])
const script = fileURLToPath(new URL('./django/serve.py', import.meta.url))
const identity = ['receiver.pem', 'receiver.key'].map((name) => fileURLToPath(new URL(name, tls)))

/** Starts it with an empty database. It ends with `await using`, and after five minutes in any case. */
export async function startSite({ python, license, application, webhookSecret }: SiteOptions): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'django-'))
  const site = startPython(python, [script, ...identity], {
    timeoutMs: 300_000,
    env: {
      LICENSE_URL: license,
      LICENSE_APPLICATION: application,
      LICENSE_WEBHOOK_SECRET: webhookSecret ?? '',
      SITE_CHECKS_SIGNATURES: webhookSecret === undefined ? '0' : '1',
      SITE_DATABASE: join(folder, 'site.sqlite3'),
      SITE_SECRET_KEY: 'of a test',
    },
  })

  async function end(): Promise<void> {
    await site.end()
    rmSync(folder, { recursive: true, force: true })
  }

  const line = await site.readLine()
  if (line === undefined) {
    await end()
    throw new Error(`The site did not start.\n${site.complaints()}`)
  }
  // serve.py's documented line.
  const { release, django, url } = JSON.parse(line) as { release: string; django: string; url: string }
  return {
    release,
    django,
    url,
    base: `${url}/auth`,
    visitor: () => new Visitor(url),
    // As django/observed_urls.py tells it.
    stored: async () => (await (await fetch(`${url}/stored`)).json()) as Record<string, StoredUser>,
    complaints: () => site.complaints().split('\n').filter(Boolean),
    [Symbol.asyncDispose]: end,
  }
}

export interface Page {
  status: number
  /** Where it sends the browser. */
  to: string | null
  text: string
}

export interface Look {
  user: string
  company: string
  mayCreate: boolean
}

/** Keeps cookies and sends forms with them, like a browser; where it is sent to, it tells and does not go. */
export class Visitor {
  readonly #url: string
  readonly #cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  async open(path: string, form?: Record<string, string>): Promise<Page> {
    const response = await fetch(new URL(path, this.#url), {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map((pair) => pair.join('=')).join('; ') },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return { status: response.status, to: response.headers.get('location'), text: await response.text() }
  }

  /** By the form on the sign-in page, which nobody sees who is signed in. */
  signIn(username: string, password: string): Promise<Page> {
    return this.#send('/login', '/login', { username, password })
  }

  signOut(): Promise<Page> {
    return this.#send('/', '/logout', {})
  }

  /** A page's form, hidden field and all. */
  async #send(page: string, to: string, fields: Record<string, string>): Promise<Page> {
    const { text } = await this.open(page)
    const csrf = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(text)?.[1] ?? ''
    return this.open(to, { ...fields, csrfmiddlewaretoken: csrf })
  }

  /** The same, and to work for that company. */
  async enter(username: string, password: string, companyId: string): Promise<Page> {
    await this.signIn(username, password)
    return this.choose(companyId)
  }

  choose(companyId: string): Promise<Page> {
    return this.open(`/auth/set-company/${companyId}`)
  }

  /** What the site's own pages show; undefined where it asks to sign in, or for a company, first. */
  async looks(): Promise<Look | undefined> {
    const [before, behind, after] = [await this.#look(), await this.open('/invoices/new'), await this.#look()]
    // Something arrived in between.
    if (before?.mayCreate !== after?.mayCreate) return this.looks()
    // The page behind the link decides for itself; both by the package.
    const isOpen = behind.status === 200
    if (isOpen !== (after?.mayCreate ?? false))
      throw new Error(`${JSON.stringify(after)}, and behind: ${behind.status}`)
    return after
  }

  async #look(): Promise<Look | undefined> {
    const { status, text } = await this.open('/')
    if (status !== 200) return undefined
    const told = (id: string) => new RegExp(`id="${id}">([^<]*)<`).exec(text)?.[1] ?? ''
    return { user: told('user'), company: told('company'), mayCreate: text.includes('New invoice') }
  }

  /** The sentences that the site has for the person, once each. */
  async messages(): Promise<string[]> {
    const { text } = await this.open('/login')
    return [...text.matchAll(/role="alert">([^<]*)</g)].map(([, sentence = '']) => sentence)
  }
}
