import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '#embedded';

const root = projectRoot();
const config = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')).config,
  ts.sys,
  root,
);
const service = ts.createLanguageService({
  getCompilationSettings: () => config.options,
  getScriptFileNames: () => config.fileNames,
  getScriptVersion: () => '1',
  getScriptSnapshot: (path) => (ts.sys.fileExists(path) ? ts.ScriptSnapshot.fromString(ts.sys.readFile(path)!) : undefined),
  getCurrentDirectory: () => root,
  getDefaultLibFileName: ts.getDefaultLibFilePath,
  fileExists: ts.sys.fileExists,
  readFile: ts.sys.readFile,
  readDirectory: ts.sys.readDirectory,
  directoryExists: ts.sys.directoryExists,
});

/** Where a word first stands as code: imports count, comments do not. */
const at = (file: string, word: string): [string, number] => {
  const path = join(root, file);
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, (comment) => ' '.repeat(comment.length));
  const position = text.search(new RegExp(`\\b${word}\\b`));
  if (position < 0) throw new Error(`${word} is not used in ${file}`);
  return [path, position];
};

const definitions = (file: string, word: string) =>
  (service.getDefinitionAtPosition(...at(file, word)) ?? []).map(({ fileName }) => fileName.replace(`${root}/`, ''));
const references = (file: string, word: string) =>
  (service.getReferencesAtPosition(...at(file, word)) ?? []).map(({ fileName }) => fileName.replace(`${root}/`, ''));

/** ARCHITECTURE.md's table "One command, followed": file, the word to stand on, and where it leads. */
const hops = [
  ...readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(
    /^\| `([^`]+)` \| `([^`]+)` \| (definition|references) \| `([^`]+)` \|$/gm,
  ),
].map(([, file, word, how, to]) => ({ file: file!, word: word!, how: how!, to: to! }));

it('ARCHITECTURE.md follows a create from the gateway to the process that runs targetcli', () => {
  expect(hops[0]?.file).toBe('apps/gateway/src/targets.controller.ts');
  expect(hops[hops.length - 1]?.to).toBe('apps/storage-node-executor/src/lio/targetcli-session.ts');
  for (const [i, hop] of hops.entries()) if (i > 0) expect(hop.file).toBe(hops[i - 1]!.to);
});

it.each(hops)(
  'from $file, $word leads to $to by $how',
  ({ file, word, how, to }) => {
    expect(how === 'definition' ? definitions(file, word) : references(file, word)).toContain(to);
  },
  60_000,
);
