// Two processes each of imap, pop3 and local-mailbox on one PostgreSQL, and clients that do what a seed says, over sockets: no UID is lost, doubled or
// out of order, every session's numbers are right, and each IDLE is, after Redis was away. SEED=<number> repeats a run.
import { expect, test } from 'vitest';
import { runMailModel } from './testing/mail-model.ts';

const seed = Number(process.env['SEED'] ?? 20_261);

test(`what clients were told agrees with each other and with what is there, seed ${seed}`, { timeout: 240_000 }, async () => {
  const { problems, done, messages } = await runMailModel({ database: 'postgres', seed, seconds: 30, sessions: 3, redisAway: 2_000 });
  expect(problems, `SEED=${seed} repeats it`).toEqual([]);
  for (const operation of ['APPEND', 'COPY', 'MOVE', 'STORE', 'EXPUNGE', 'SELECT', 'CREATE', 'SMTP', 'QUIT'])
    expect(done[operation] ?? 0, operation).toBeGreaterThan(0);
  expect(messages).toBeGreaterThan(20);
});
