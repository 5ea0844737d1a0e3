import type { ApiKeyCalls } from './api-keys.ts'
import type { ApplicationCalls } from './applications.ts'
import type { AuditCalls } from './audit.ts'
import type { CompanyCalls } from './companies.ts'
import type { DeliveryCalls } from './deliveries.ts'
import type { EndpointCalls } from './endpoints.ts'
import type { ExplainCalls } from './explain.ts'
import type { ExportCalls } from './export.ts'
import type { GrantCalls } from './grants.ts'
import type { ImpersonationCalls } from './impersonations.ts'
import type { ImportCalls } from './imports.ts'
import type { LicenseCalls } from './licenses.ts'
import type { ManifestCalls } from './manifest.ts'
import type { MemberCalls } from './members.ts'
import type { PermissionCalls } from './permissions.ts'
import type { RightsCalls } from './rights.ts'
import type { RoleCalls } from './roles.ts'
import type { SeatCalls } from './seats.ts'
import type { StatisticsCalls } from './statistics.ts'
import type { TokenCalls } from './tokens.ts'
import type { UpstreamCalls } from './upstream.ts'
import type { UserCalls } from './users.ts'

/** Every address of the admin API: what goes there and what comes back. The server's tests hold it against the server's own forms. */
export interface AdminCalls
  extends ApiKeyCalls,
    ApplicationCalls,
    AuditCalls,
    CompanyCalls,
    DeliveryCalls,
    EndpointCalls,
    ExplainCalls,
    ExportCalls,
    GrantCalls,
    ImpersonationCalls,
    ImportCalls,
    LicenseCalls,
    ManifestCalls,
    MemberCalls,
    PermissionCalls,
    RightsCalls,
    RoleCalls,
    SeatCalls,
    StatisticsCalls,
    TokenCalls,
    UpstreamCalls,
    UserCalls {}
