import { type Answer, loadAnswer } from '../access/answer.ts'
import type { AnswerFacts } from '../access/facts.ts'
import type { Context } from '../context.ts'
import { AppError } from '../errors.ts'

/** What the user may do here. Nobody is let in without a company: applications look at "no error" only. @throws AppError `no_access` */
export async function checkAccess(
  ctx: Context,
  userId: string,
  applicationId: string,
): Promise<{ facts: AnswerFacts; answer: Answer }> {
  const found = await loadAnswer(ctx, userId, applicationId)
  if (found && found.answer.companies.length > 0) return found
  throw new AppError('no_access', {
    detail: 'There is no company for which you may use this application. Ask whoever manages it.',
  })
}
