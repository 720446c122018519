// The scenarios of the comparison of mailboxes: what is sent or asked, which figures come of it, and what each is held against.

export type FigureGoal = 'ahead' | 'within-2' | 'none';

export interface FigureRow {
  readonly figure: string;
  readonly name: string;
  readonly unit: string;
  /** Which way is better; the ratio is always ours to theirs, turned so that above 1 is better. */
  readonly better: 'more' | 'less';
  readonly goal: FigureGoal;
  /** Of Stafette alone, in the figure's unit. */
  readonly atMost?: number;
}

interface Common {
  readonly name: string;
  readonly title: string;
  /** Seconds after which a run is given up. */
  readonly limit: number;
  readonly rows: readonly FigureRow[];
}

export type MailboxScenario =
  | (Common & { readonly kind: 'delivery'; readonly mailboxes: number; readonly messages: number; readonly size: number })
  | (Common & { readonly kind: 'large'; readonly messages: number; readonly size: number })
  | (Common & { readonly kind: 'idle'; readonly mailboxes: number; readonly rate: number; readonly seconds: number })
  | (Common & { readonly kind: 'pop3'; readonly messages: number; readonly size: number });

const DELIVERY_ROWS: readonly FigureRow[] = [
  { figure: 'visible', name: 'until the last is visible', unit: '/s', better: 'more', goal: 'ahead' },
  { figure: 'accepting', name: 'accepting', unit: '/s', better: 'more', goal: 'within-2' },
  { figure: 'cpuPer1000', name: 'CPU per 1,000', unit: ' s', better: 'less', goal: 'within-2' },
];

const LARGE_ROWS: readonly FigureRow[] = [
  ...coldAndWarm('selectWithFlags', 'SELECT and FETCH 1:* FLAGS', 'ahead'),
  ...coldAndWarm('select', 'SELECT alone', 'within-2'),
  ...coldAndWarm('flags', 'FETCH 1:* FLAGS alone', 'within-2'),
  ...coldAndWarm('envelope', 'FETCH ENVELOPE of 100', 'within-2'),
  ...coldAndWarm('search', 'SEARCH TEXT of a word in 100 messages', 'within-2'),
  ...coldAndWarm('searchBody', 'SEARCH BODY of the same word', 'within-2'),
  { figure: 'pssMb', name: 'memory afterwards', unit: ' MB', better: 'less', goal: 'none' },
];

const IDLE_ROWS: readonly FigureRow[] = [
  { figure: 'pssMb', name: 'memory of all server processes', unit: ' MB', better: 'less', goal: 'within-2' },
  { figure: 'allSeconds', name: 'one message to each, until all are notified', unit: ' s', better: 'less', goal: 'within-2' },
  { figure: 'rateP50', name: '50 a second: from DATA to the notification, median', unit: ' ms', better: 'less', goal: 'within-2' },
  { figure: 'rateP99', name: 'the same, 99th percentile', unit: ' ms', better: 'less', goal: 'within-2', atMost: 200 },
];

function coldAndWarm(figure: string, name: string, goal: FigureGoal): FigureRow[] {
  const row = { unit: ' ms', better: 'less', goal } as const;
  return [
    { ...row, figure: `${figure}Cold`, name: `${name}, first` },
    { ...row, figure: `${figure}Warm`, name: `${name}, again` },
  ];
}

export const SCENARIOS: readonly MailboxScenario[] = [
  {
    kind: 'delivery',
    name: 'mailboxes-delivery-4k',
    title: '5,000 messages of 4 KB into 1,000 mailboxes',
    mailboxes: 1000,
    messages: 5000,
    size: 4096,
    limit: 240,
    rows: DELIVERY_ROWS,
  },
  {
    kind: 'delivery',
    name: 'mailboxes-delivery-10k',
    title: '5,000 messages of 10 KB into 1,000 mailboxes',
    mailboxes: 1000,
    messages: 5000,
    size: 10_240,
    limit: 240,
    rows: DELIVERY_ROWS,
  },
  { kind: 'large', name: 'mailboxes-large', title: 'a mailbox of 100,000 messages of 2 KB', messages: 100_000, size: 2048, limit: 280, rows: LARGE_ROWS },
  {
    kind: 'idle',
    name: 'mailboxes-idle',
    title: '1,000 mailboxes with a session in IDLE each',
    mailboxes: 1000,
    rate: 50,
    seconds: 20,
    limit: 200,
    rows: IDLE_ROWS,
  },
  {
    kind: 'pop3',
    name: 'mailboxes-pop3',
    title: '1,000 messages of 10 KB over POP3, one RETR after another',
    messages: 1000,
    size: 10_240,
    limit: 120,
    rows: [
      { figure: 'downloadCold', name: 'download, first', unit: ' s', better: 'less', goal: 'within-2' },
      { figure: 'downloadWarm', name: 'download, again', unit: ' s', better: 'less', goal: 'within-2' },
    ],
  },
];

export function mailboxScenario(name: string): MailboxScenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name || scenario.name === `mailboxes-${name}`);
  if (!found) throw new Error(`no scenario ${name}; there are ${SCENARIOS.map((scenario) => scenario.name.replace('mailboxes-', '')).join(', ')}`);
  return found;
}
