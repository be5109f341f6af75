import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { performancePage } from './page.ts';
import { plots } from './plots.ts';
import { mergeResults, type Results, resultsAsJson } from './results.ts';

const DOCS = new URL('../../../docs/', import.meta.url);
export const PLOT_FILES = ['lag.svg', 'cost.svg'] as const;

/** Where the newest results of each part are kept. */
export const RESULTS_FILE = new URL('performance/results.json', DOCS);
export const PAGE_FILE = new URL('performance.md', DOCS);
export const PLOTS_FOLDER = new URL('performance/', DOCS);

/** Reads results as `resultsAsJson` wrote them. Throws when that is not what they are. */
export async function readResults(): Promise<Results> {
  const content: unknown = JSON.parse(await readFile(RESULTS_FILE, 'utf8'));
  if (!isResults(content)) {
    throw new Error(`${fileURLToPath(RESULTS_FILE)} has not the results of a benchmark`);
  }
  return content;
}

/** Keeps what was measured now beside what was measured before, and writes the page from it. Returns the path of the page. */
export async function writeDocs(newest: Results): Promise<string> {
  await mkdir(PLOTS_FOLDER, { recursive: true });
  const older = await readResults().catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { parts: {}, conditions: {} };
    }
    throw error;
  });
  await writeFile(RESULTS_FILE, resultsAsJson(mergeResults(older, newest)));
  // From what was written, so that the page says what anybody can make of the file.
  const results = await readResults();
  await writeFile(PAGE_FILE, performancePage(results));
  const images = plots(results.parts);
  for (const file of PLOT_FILES) {
    const image = images.get(file);
    await (image === undefined
      ? rm(new URL(file, PLOTS_FOLDER), { force: true })
      : writeFile(new URL(file, PLOTS_FOLDER), image));
  }
  return fileURLToPath(PAGE_FILE);
}

/** The file is only written by this program; what is inside its parts is not looked at. */
function isResults(content: unknown): content is Results {
  return (
    typeof content === 'object' &&
    content !== null &&
    'parts' in content &&
    typeof content.parts === 'object' &&
    'conditions' in content &&
    typeof content.conditions === 'object'
  );
}
