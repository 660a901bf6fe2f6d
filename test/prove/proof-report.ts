import { cpus, totalmem } from 'node:os';
import type { Kept, Proof } from './proof';

/** docs/proof-report.md. @param kept the last finding of each proof */
export const proofReport = (proofs: Proof[], kept: Kept[]): string => {
  const sections = proofs.map(({ name, title }) => {
    const found = kept.find((finding) => finding.name === name);
    if (!found) return `## ${title}\n\n\`npm run prove -- ${name}\` was not run.\n`;
    const { holds, summary, profile, commit, seconds, details } = found;
    const told = `\`npm run prove -- ${name}\`, ${profile} profile, commit ${commit}, ${seconds} s.`;
    return `## ${title}\n\n**${holds ? 'Holds' : 'Does not hold'}: ${summary}**\n\n${told}\n${details ? `\n${details.trim()}\n` : ''}`;
  });
  return `# What was proved

Written by \`npm run prove -- --report\` from the last run of each. ${cpus().length} CPUs (${cpus()[0]?.model.trim() ?? 'unknown'}),
${Math.round(totalmem() / 2 ** 30)} GB. A short profile of each is part of \`npm test\`.

${sections.join('\n')}`;
};
