// Small conversations with a product: one message, one look at MAIL.
import { eventually } from '#shared/testing/eventually.ts';
import type { Product } from '#shared/testing/product.ts';
import { type Dialogue, openDialogue } from '#shared/testing/smtp-dialogue.ts';

export type Mail = {
  readonly from?: string;
  readonly to: string | readonly string[];
  /** Header and body; lines end in LF here. */
  readonly text?: string;
  /** After MAIL FROM:<> and RCPT TO:<>: ` RET=HDRS`. */
  readonly mailParameters?: string;
  readonly rcptParameters?: string;
};

/** A greeted connection. */
export async function greeted(port: number, patience = 30_000): Promise<Dialogue> {
  const dialogue = await openDialogue({ port, patience });
  await dialogue.expect('220');
  await dialogue.command('EHLO client.test', '250');
  return dialogue;
}

/** Sends one message on an open connection; resolves with its queue id. */
export async function sendOn(
  dialogue: Dialogue,
  { from = 'sender@client.test', to, text = 'Subject: test\n\ntest\n', mailParameters = '', rcptParameters = '' }: Mail,
): Promise<string> {
  await dialogue.command(`MAIL FROM:<${from}>${mailParameters}`, '250');
  for (const address of [to].flat()) await dialogue.command(`RCPT TO:<${address}>${rcptParameters}`, '250');
  await dialogue.command('DATA', '354');
  dialogue.sendRaw(text.replaceAll(/\r?\n/g, '\r\n').replaceAll(/^\./gm, '..'));
  const reply = await dialogue.command('.', '250');
  return /queued as (\S+)/.exec(reply.lines[0] ?? '')?.[1] ?? '';
}

/** Sends one message over a connection of its own. */
export async function send(product: Pick<Product, 'smtp'>, mail: Mail): Promise<string> {
  await using dialogue = await greeted(product.smtp);
  return await sendOn(dialogue, mail);
}

/** The reply to MAIL of a message of `size` bytes right now, on a new connection. */
export async function replyToMail(product: Pick<Product, 'smtp'>, size = 1_000): Promise<string> {
  await using dialogue = await greeted(product.smtp);
  const { code, lines } = await dialogue.command(`MAIL FROM:<sender@client.test> SIZE=${size}`);
  return `${code} ${lines.join(' ')}`;
}

/** Resolves when MAIL is answered with this code. */
export async function mailAnswers(product: Pick<Product, 'smtp'>, code: number, size = 1_000, within = 20_000): Promise<string> {
  return await eventually(
    async () => {
      const reply = await replyToMail(product, size);
      if (!reply.startsWith(String(code))) throw new Error(reply);
      return reply;
    },
    { within, every: 200 },
  );
}
