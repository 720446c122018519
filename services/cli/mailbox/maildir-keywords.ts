// Keywords in a Maildir, as Dovecot has them: a small letter in a file's name for each, and the file `dovecot-keywords` of the folder, which names
// them. 26 fit; later ones are left out. Owns that file; what can fail: reading and writing it.
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './target-folder.ts';

export const KEYWORDS_FILE = 'dovecot-keywords';
const LINE = /^(\d\d?) ([!#$&'+\-./0-9:;<=>?@A-Z[^_`a-z|}~]{1,128})$/gm;
const LETTERS = 26;

/** By letter. */
export function parseKeywords(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, number, keyword = ''] of text.matchAll(LINE)) if (Number(number) < LETTERS) found.set(letterOf(Number(number)), keyword);
  return found;
}

/** Gives keywords, which have no case, their letters, those of an earlier run first; the file names a letter before a message has it. */
export async function openKeywords(folder: string): Promise<(keywords: readonly string[]) => Promise<string>> {
  const text = await readFile(join(folder, KEYWORDS_FILE), 'utf8').catch(() => '');
  const keywordBy = new Map(parseKeywords(text));
  const letterBy = new Map(Array.from(keywordBy, ([letter, keyword]) => [keyword.toLowerCase(), letter]));
  return async (keywords) => {
    const fresh = keywords.filter((keyword) => !letterBy.has(keyword.toLowerCase()));
    const free = Array.from({ length: LETTERS }, (_, index) => letterOf(index)).filter((letter) => !keywordBy.has(letter));
    for (const [index, keyword] of fresh.slice(0, free.length).entries()) {
      keywordBy.set(free[index] as string, keyword);
      letterBy.set(keyword.toLowerCase(), free[index] as string);
    }
    if (fresh.length > 0 && free.length > 0) await write(folder, keywordBy);
    return keywords
      .flatMap((keyword) => letterBy.get(keyword.toLowerCase()) ?? [])
      .sort()
      .join('');
  };
}

async function write(folder: string, keywordBy: ReadonlyMap<string, string>): Promise<void> {
  const lines = Array.from(keywordBy, ([letter, keyword]) => `${letter.charCodeAt(0) - 97} ${keyword}\n`);
  const handle = await open(join(folder, 'tmp', KEYWORDS_FILE), 'w', 0o600);
  try {
    await handle.writeFile(lines.join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(join(folder, 'tmp', KEYWORDS_FILE), join(folder, KEYWORDS_FILE));
  await syncFolder(folder);
}

function letterOf(number: number): string {
  return String.fromCharCode(97 + number);
}
