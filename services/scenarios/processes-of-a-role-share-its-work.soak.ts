// The long run of processes-of-a-role-share-its-work.scenario.test.ts, and the one that is recorded: all messages of S5 and S1.
import { sharesItsWork } from './testing/share-work.suite.ts';

sharesItsWork();
