/** What a manifest changes, one word for each kind. */
export const CHANGE_KINDS = [
  'permission_added',
  'permission_renamed',
  'permission_changed',
  'permission_moved',
  'permission_deprecated',
  'permission_undeprecated',
  'permission_removed',
  'operator_only_set',
  'operator_only_loosened',
  'operator_only_mark_changed',
  'role_added',
  'role_renamed',
  'role_changed',
  'role_removed',
] as const
export type ChangeKind = (typeof CHANGE_KINDS)[number]

/** Why a manifest is not applied. */
export const REFUSAL_REASONS = ['in_use', 'operator_only', 'not_allowed'] as const
