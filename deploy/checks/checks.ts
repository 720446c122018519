// The checks of our own, by the name they have in the test report.
import { boundaries } from './boundaries.ts';
import { links } from './links.ts';
import { lockFile } from './lock-file.ts';
import { outwardHttp } from './outward-http.ts';
import { privateNames } from './private-names.ts';
import { promises } from './promises.ts';
import { rfcIndex } from './rfc-index.ts';
import { sizes } from './sizes.ts';
import type { Check } from './source-tree.ts';

export const checks: Readonly<Record<string, Check>> = {
  'boundaries between folders': boundaries,
  'size of files': sizes,
  'RFC index': rfcIndex,
  'promises and their tests': promises,
  'nothing asks by HTTP': outwardHttp,
  'lock files': lockFile,
  'links of the documents': links,
  'nothing of one machine': privateNames,
};
