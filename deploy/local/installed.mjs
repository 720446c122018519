// Says by its exit code whether a folder's node_modules hold what its package-lock.json lists: installed.mjs FOLDER. Runs before anything is
// installed, on Node.js 20: plain JavaScript, no dependency. File times are not asked: a fresh clone makes every file new.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? '.';

const packagesOf = (file) => {
  try {
    return JSON.parse(readFileSync(join(folder, file), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
};

/** Optional packages are for other machines, or not. */
const isOptional = (wanted) => wanted.optional === true || wanted.devOptional === true || wanted.peer === true;

const present = packagesOf('node_modules/.package-lock.json');
const listed = Object.entries(packagesOf('package-lock.json')).filter(([path]) => path !== '');
const differs = ([path, wanted]) => (present[path] === undefined ? !isOptional(wanted) : present[path].version !== wanted.version);
process.exitCode = Object.keys(present).length === 0 || listed.some(differs) ? 1 : 0;
