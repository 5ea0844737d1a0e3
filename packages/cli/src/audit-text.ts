import { showMoment } from './output/when.ts'

/** What was done, in words short enough for a table: `grant 0199…; permission create_invoice`. */
export function actText(data: Record<string, unknown>): string {
  return Object.entries(data)
    .filter(([name, value]) => !isOpen(name, value))
    .map(([name, value]) => [name, valueText(name, value)] as const)
    .filter(([, text]) => text !== '')
    .map((pair) => pair.join(' '))
    .join('; ')
}

/** The audit keeps moments as milliseconds; an open bound is one that nobody lives to see. */
function isOpen(name: string, value: unknown): boolean {
  return value === null || (name.endsWith('_at') && (value === 0 || value === Number.MAX_SAFE_INTEGER))
}

function valueText(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('_at')) return showMoment(new Date(value).toISOString())
  if (Array.isArray(value)) return value.map((each) => valueText('', each)).join(', ')
  if (typeof value !== 'object' || value === null) return String(value)
  const text = actText(value as Record<string, unknown>)
  return text === '' ? '' : `(${text})`
}
