import { expect, test } from 'vitest';
import { PLAYED } from '../roles.ts';
import { parseArguments } from './arguments.ts';
import { planProcesses } from './plan.ts';

const mode = (...argv: string[]) => parseArguments(argv)?.mode;

test('modes', () => {
  expect(parseArguments([])).toEqual({ config: null, mode: { kind: 'all-in-one' } });
  expect(parseArguments(['--config', 'a.yaml', '--split'])).toEqual({ config: 'a.yaml', mode: { kind: 'split', copies: 1 } });
  expect(mode('--split=3')).toEqual({ kind: 'split', copies: 3 });
  expect(mode('--role', 'router,bounce,router')).toEqual({ kind: 'roles', roles: ['router', 'bounce'] });
  expect(mode('--supervised', '--role', 'router')).toEqual({ kind: 'supervised', roles: ['router'] });
  expect(parseArguments(['--help'])).toBeNull();
});

test.each([
  [['--split=0'], '--split=0: expected a number of processes from 1 to 64'],
  [['--role', 'ruter'], '--role ruter: expected one of smtp-ingress, router'],
  [['--role', 'router', '--split'], '--split and --role exclude each other'],
  [['--nonsense'], "Unknown option '--nonsense'"],
  [['extra'], "Unexpected argument 'extra'"],
])('%s is one clear line', (argv, line) => expect(() => parseArguments(argv)).toThrow(line));

test('all-in-one gives the ingress a process of its own where there are two cores', () => {
  expect(planProcesses({ kind: 'all-in-one' }, 1)).toEqual({ local: PLAYED, children: [] });
  const two = planProcesses({ kind: 'all-in-one' }, 2);
  expect(two.children).toEqual([{ name: 'smtp-ingress', role: 'smtp-ingress' }]);
  expect(new Set(['smtp-ingress', ...two.local])).toEqual(new Set(PLAYED));
});

test('split starts each role as often as asked, the admin API once', () => {
  const { local, children } = planProcesses({ kind: 'split', copies: 3 }, 2);
  expect(local).toEqual([]);
  expect(children.filter(({ role }) => role === 'router').map(({ name }) => name)).toEqual(['router-1', 'router-2', 'router-3']);
  expect(planProcesses({ kind: 'split', copies: 1 }, 2).children.map(({ name }) => name)).toEqual([...PLAYED]);
});
