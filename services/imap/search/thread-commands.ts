// THREAD and UID THREAD (RFC 5256 section 3) by references. The rows come from the store, the threads are made here.
import { type Command, MAILBOX_SELECTED } from '../commands/command.ts';
import { Pace } from '../fetch/pace.ts';
import { type Completion, ok } from '../response/completion.ts';
import type { Naming } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { asksModseq } from './search-keys.ts';
import { badCharset, readCharsetAndKeys, type SearchProgram } from './search-program.ts';
import { formatThreads, threadByReferences } from './thread-by-references.ts';

export const thread: Command<SearchProgram> = {
  name: 'THREAD',
  states: MAILBOX_SELECTED,
  tells: 'no expunges',
  parse: read,
  run: (session, program) => run(session, 'sequence', program),
};

export const uidThread: Command<SearchProgram> = {
  name: 'UID THREAD',
  states: MAILBOX_SELECTED,
  parse: read,
  run: (session, program) => run(session, 'uid', program),
};

function read(args: ArgumentReader, session: Session): SearchProgram {
  args.space();
  if (args.keyword() !== 'REFERENCES') throw new BadSyntax('The only threading algorithm is REFERENCES');
  args.space();
  return readCharsetAndKeys(args, session);
}

async function run({ mailbox, out, features }: Session, naming: Naming, program: SearchProgram): Promise<Completion> {
  if (!program) return badCharset();
  if (asksModseq(program)) features.enable('CONDSTORE');
  const rows = (await mailbox.store.threadRows(program)).filter(({ uid }) => mailbox.sequenceNumber(uid) > 0);
  const pace = new Pace();
  const numberOf = naming === 'uid' ? (uid: number) => uid : (uid: number) => mailbox.sequenceNumber(uid);
  const texts: string[] = [];
  for (const one of await threadByReferences(rows, pace)) {
    texts.push(formatThreads([one], numberOf));
    if (pace.due) await pace.turn();
  }
  out.untagged(texts.length > 0 ? `THREAD ${texts.join('')}` : 'THREAD');
  return ok('Threaded');
}
