// The part that people read: what became of their message, for whom, and why, in plain words and plain text.
import { formatDate } from '#shared/mail/date.ts';
import { cleanText, foldText } from '#shared/mail/header.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import { replyText } from './delivery-status.ts';
import type { Action, Report, ReportedRecipient } from './report.ts';

/** Plain text with longer lines, or beyond US-ASCII, has to be encoded (RFC 2045 section 6.7), and is hard to read raw. */
const COLUMNS = 76;

/** The order in which a reader wants to know. */
const ORDER: readonly Action[] = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'];

const INTRODUCTION: Readonly<Record<Action, string>> = {
  failed: 'The message could not be delivered to the following recipients. It will not be tried again.',
  delayed: 'The message has not been delivered yet to the following recipients. You need not send it again: delivery is still being tried.',
  delivered: 'As you asked to be told: the message was delivered to the mailboxes of the following recipients.',
  relayed: 'As you asked to be told: the message was handed on for the following recipients, to a server that does not report what becomes of it.',
  expanded: 'As you asked to be told: the message was passed to the members of the following lists.',
};

const SUBJECTS: Readonly<Record<Action, string>> = {
  failed: 'Undelivered mail returned to sender',
  delayed: 'Delayed mail (delivery is still being tried)',
  delivered: 'Mail delivered',
  relayed: 'Mail handed on',
  expanded: 'Mail passed to a list',
};

const NO_RETURN = 'A message without a return address, such as a bounce, could not be delivered. You are told because nobody else can be.';

/** The Subject: the worst of what is told. */
export function subjectOf(report: Report): string {
  const worst = ORDER.find((action) => report.recipients.some((each) => each.action === action)) ?? 'failed';
  return report.to === 'postmaster' ? 'Undelivered mail without a return address' : SUBJECTS[worst];
}

/** The text, CRLF at each line's end. */
export function explain(report: Report): string {
  const groups = ORDER.map((action) => ({ action, members: report.recipients.filter((each) => each.action === action) }));
  const paragraphs = [
    fold(`This is the mail system at ${report.hostname}.`),
    ...(report.to === 'postmaster' ? [fold(NO_RETURN)] : []),
    ...groups.flatMap(({ action, members }) =>
      members.length === 0 ? [] : [fold(INTRODUCTION[action]), ...members.map((each) => fold(entry(each, report), '    '))],
    ),
    fold(quoted(report)),
    fold(`If you ask your postmaster for help, please include this message. It was received ${formatDate(report.receivedAt)} as ${report.parent}.`),
  ];
  return paragraphs.map((paragraph) => `${paragraph}\r\n`).join('\r\n');
}

function fold(text: string, indent = ''): string {
  return foldText(cleanText(text, true), 1, COLUMNS + 1 - indent.length).join(`\r\n${indent}`);
}

/** `<bob@example.net> (you wrote to <team@example.org>): host mx.example.net [192.0.2.1] said: 550 5.1.1 No such user`. */
function entry({ recipient, outcome, action, retryUntil }: ReportedRecipient, report: Report): string {
  const written = report.head.envelope.recipients[recipient.of]?.address;
  const by = written === undefined || written === recipient.address ? '' : ` (you wrote to <${written}>)`;
  const until = retryUntil === undefined ? '' : ` It will be tried until ${formatDate(retryUntil)}.`;
  return `<${recipient.address}>${by}: ${action === 'expanded' ? 'passed to its members' : reason(outcome)}${until}`;
}

function reason(outcome: Outcome): string {
  const reply = replyText(outcome);
  if (reply !== null) return `host ${outcome.host ?? 'unknown'}${outcome.address === undefined ? '' : ` [${outcome.address}]`} said: ${reply}`;
  if (outcome.kind === 'failed' || outcome.kind === 'delayed') return outcome.diagnostic;
  return outcome.kind === 'delivered' ? 'delivered' : 'handed on';
}

function quoted({ quote }: Report): string {
  if (quote === null) return 'The message itself is no longer at hand.';
  return quote.whole ? 'The message follows below, behind a report for programs.' : 'Its header follows below, behind a report for programs.';
}
