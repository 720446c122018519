// Three processes of each role: over 30 destinations every one has at least 15 % of its role's messages, and one smarthost, whose mail is
// spread over four partitions, keeps all three deliverers busy.
import { sharesItsWork } from './testing/share-work.suite.ts';

sharesItsWork(4_000);
