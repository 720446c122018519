// A process that serves POP3 on the data directory of a test, says its port, and waits to be killed.
import { startPop3On } from './pop3-under-test.ts';

const pop3 = await startPop3On(process.argv[2] ?? '');
process.send?.(pop3.port('plain'));
