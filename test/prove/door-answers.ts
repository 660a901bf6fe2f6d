import type { Attempt } from './hostile-requests';
import { RAW } from './hostile-text';
import type { RawAnswer } from './raw-doors';

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,64}$/;
/** What is only known inside: SQL, stacks, paths, names of libraries. */
const INNER =
  /\bat [\w.<>]+ \(|node_modules|\.[cm]?[jt]s:\d|\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b|relation "|violates|syntax error|\bpg_|typeorm|zod|\bE[A-Z]{4,}\b.*errno|\/(tmp|home|usr|srv|var|proc|work)\//;

interface Shown {
  code?: string;
  detail?: string;
  title?: string;
  errors?: { field: string; code: string; message: string }[];
}

/** The code of an answer; CLOSED where the connection ended instead. */
export const codeOf = ({ status, text }: RawAnswer): string => (status === 0 ? 'CLOSED' : (read(text)?.code ?? `status ${status}`));

const read = (text: string): Shown | undefined => {
  try {
    return JSON.parse(text) as Shown;
  } catch {
    return undefined;
  }
};

/** What is wrong with an answer, in a few words; empty when it is as it must be. */
export const faultsOf = (attempt: Attempt, answer: RawAnswer): string[] => {
  const code = codeOf(answer);
  const faults: string[] = [];
  if (!attempt.refusals.includes(code)) faults.push(`answered ${answer.status} ${code}, not ${attempt.refusals.slice(-3).join(' or ')}`);
  if (code === 'CLOSED') return faults;
  const problem = read(answer.text) ?? {};
  if (answer.status < 400 || answer.status > 499) faults.push(`status ${answer.status}`);
  if (!problem.title || (problem.detail ?? '').length < 10) faults.push('does not say what to do');
  if (attempt.field && /^(INVALID_(?!CURSOR)|WRONG_TYPE)/.test(code) && !problem.errors?.some(({ field }) => field === attempt.field))
    faults.push(`does not name ${attempt.field}`);
  if (!REQUEST_ID.test(answer.headers['x-request-id'] ?? '')) faults.push('has no clean request id');
  if (RAW.test(answer.text) || RAW.test(JSON.stringify(answer.headers))) faults.push('says the hostile text as it is');
  const inside = JSON.stringify({ ...problem, errors: problem.errors?.map(({ code: own, message }) => [own, message]) });
  if (INNER.test(inside)) faults.push(`tells what is inside: ${inside.slice(0, 300)}`);
  return faults;
};
