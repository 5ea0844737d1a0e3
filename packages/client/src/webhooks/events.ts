// Fields have the names that they have on the wire. The server's forms (JSON schemas in its package, `schema/events/`) are held
// against these types by the compiler.

interface EventOf<Type extends string, Data> {
  /** The same when an event is sent again: keep it to do nothing twice. */
  readonly id: string
  readonly type: Type
  /** When it happened, in UTC (RFC 3339). */
  readonly timestamp: string
  readonly data: Data
}

/** Of what the event is about, growing with each change of it: an event with a smaller one than you have seen is older news. */
interface Versioned {
  readonly version: number
}

interface EventCompany {
  readonly id: string
  readonly name: string
}

interface EventUser {
  readonly id: string
  readonly email: string
}

interface EventPerson extends EventUser {
  readonly first_name: string
  readonly last_name: string
  readonly active: boolean
}

/** What a user may do for one company in one application, whole: an empty list means that the user may no longer come in for it. */
export type PermissionsUpdated = EventOf<
  'permissions.updated',
  Versioned & {
    readonly user: EventUser
    readonly company: EventCompany
    readonly application: string
    readonly permissions: readonly string[]
    /** Since the last such event, as far as the server knows. What counts is `permissions`. */
    readonly added: readonly string[]
    readonly removed: readonly string[]
  }
>

export type UserCreated = EventOf<'user.created', Versioned & { readonly user: EventPerson }>

export type UserUpdated = EventOf<'user.updated', Versioned & { readonly user: EventPerson }>

/** `email` is the last one; it may be another person's some day, `id` never is. */
export type UserDeleted = EventOf<'user.deleted', Versioned & { readonly user: EventUser }>

export type CompanyUpdated = EventOf<
  'company.updated',
  Versioned & { readonly company: EventCompany & { readonly active: boolean } }
>

/** What a company bought of an application. What each of its people may do comes as `permissions.updated`. */
export type LicenseUpdated = EventOf<
  'license.updated',
  Versioned & {
    readonly company: EventCompany
    readonly application: string
    readonly license: {
      /** By the dates, when the event was made. */
      readonly state: 'scheduled' | 'in_force' | 'in_grace' | 'ended'
      readonly suspended: boolean
      readonly from: string | null
      readonly until: string | null
      readonly grace_days: number
      /** Null: unlimited. */
      readonly seats: number | null
    }
  }
>

/** Sent when somebody asks whether your address works. */
export type Ping = EventOf<'ping', { readonly application: string }>

/** Of a server that is newer than this package: its own type is in `unknownType`. Answer it as done. */
export interface UnknownEvent extends EventOf<'unknown', unknown> {
  readonly unknownType: string
}

type KnownEvent = PermissionsUpdated | UserCreated | UserUpdated | UserDeleted | CompanyUpdated | LicenseUpdated | Ping

export type KnownEventType = KnownEvent['type']

/** An event of the server, told apart by its `type`. */
export type WebhookEvent = KnownEvent | UnknownEvent
