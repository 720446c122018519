// STARTTLS, AUTH and what submission demands.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type IngressUnderTest, PASSWORD, PLAIN, type Port, startIngress, writeCertificate } from './testing/ingress-under-test.ts';

const PATIENT = { ingress: { limits: { auth_failures: 3, auth_failures_per_client: 1000 } } };
let ingress: IngressUnderTest;
beforeAll(async () => {
  ingress = await startIngress(PATIENT);
});
afterAll(async () => ingress[Symbol.asyncDispose]());

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function secured(port: Port = 'submission', world = ingress) {
  const client = await world.dial(port);
  await client.command('EHLO x', '250');
  if (port === 'submissions') return client;
  await client.startTls();
  await client.command('EHLO x', '250');
  return client;
}

describe('STARTTLS', () => {
  test('is offered once, forgets the EHLO, and shows in Received', async () => {
    await using client = await ingress.dial();
    await client.command('EHLO x', '250 STARTTLS');
    await client.command('STARTTLS now', '501 5.5.4 *');
    await client.startTls();
    await client.command('MAIL FROM:<>', '503 5.5.1 Send EHLO first');
    const { lines } = await client.command('EHLO y');
    expect(lines).not.toContain('STARTTLS');
    expect(lines).toContain('AUTH PLAIN LOGIN');
    await client.command('STARTTLS', '503 5.5.1 TLS already active');
    await client.transcript('C: MAIL FROM:<>\nS: 250\nC: RCPT TO:<postmaster>\nS: 250\nC: DATA\nS: 354');
    const { head, content } = await ingress.message(await client.command('x\r\n.', '250'));
    expect(content.replace(/\s+/g, ' ')).toMatch(
      /^Received: from y \(\[127\.0\.0\.1\]\) by mx\.example\.org with ESMTPS \(TLSv1\.3 TLS_AES_256_GCM_SHA384\) id/,
    );
    expect(head.origin).toMatchObject({ tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384' });
  });

  test('a handshake that fails ends the connection', async () => {
    await using client = await ingress.dial();
    await client.transcript('C: EHLO x\nS: 250\nC: STARTTLS\nS: 220');
    client.sendRaw('this is no handshake\r\n'.repeat(10));
    await eventually(() => client.closed().then(() => true));
  });

  test('TLS 1.1 is refused', async () => {
    await using client = await ingress.dial();
    await client.command('EHLO x', '250');
    await expect(client.startTls({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' })).rejects.toThrow();
  });

  test('a new certificate is taken at reload, and open connections go on', async () => {
    await using old = await secured('relay');
    const ca = await writeCertificate(ingress.config().data_dir, ['new.example.org']);
    ingress.reload(PATIENT);
    await eventually(async () => {
      await using client = await ingress.dial('relay');
      await client.command('EHLO x', '250');
      await client.startTls({ rejectUnauthorized: true, ca, servername: 'new.example.org' });
      return true;
    });
    await old.command('NOOP', '250');
  });
});

describe('AUTH', () => {
  test('needs TLS', async () => {
    await using client = await ingress.dial('submission');
    await client.transcript(
      `C: EHLO x\nS: 250\nC: AUTH PLAIN ${PLAIN}\nS: 538 5.7.11 Encryption required for authentication\nC: MAIL FROM:<>\nS: 530 5.7.0 Must issue a STARTTLS command first`,
    );
  });

  test.each<Port>(['submission', 'submissions', 'relay'])('opens the relay on %s, and nothing else does', async (port) => {
    await using client = await secured(port);
    if (port === 'relay') await client.transcript('C: MAIL FROM:<>\nS: 250\nC: RCPT TO:<carol@example.com>\nS: 550 5.7.1 *\nC: RSET\nS: 250');
    else await client.command('MAIL FROM:<>', '530 5.7.0 Authentication required');
    await client.transcript(
      `C: AUTH PLAIN ${PLAIN}\nS: 235 2.7.0 *\nC: AUTH PLAIN ${PLAIN}\nS: 503 5.5.1 *\nC: MAIL FROM:<alice@example.org>\nS: 250\nC: RCPT TO:<carol@example.com>\nS: 250`,
    );
  });

  test('submission adds the Date and Message-ID that are missing, and no others', async () => {
    await using client = await secured();
    await client.command(`AUTH PLAIN ${PLAIN}`, '235');
    const send = async (message: string) => {
      await client.transcript('C: MAIL FROM:<alice@example.org>\nS: 250\nC: RCPT TO:<carol@example.com>\nS: 250\nC: DATA\nS: 354');
      return await ingress.message(await client.command(`${message}\r\n.`, '250'));
    };
    const bare = await send('Subject: x\r\n\r\ny');
    expect(bare.content.replace(/\r\n[ \t]+/g, ' ')).toMatch(
      /^Received: [^\r]* with ESMTPSA [^\r]*\r\nDate: [^\r]* \+0000\r\nMessage-ID: <[0-9A-Z]{25}@mx\.example\.org>\r\nSubject: x\r\n/,
    );
    expect(bare.head.messageId).toBe(`<${bare.id}@mx.example.org>`);
    expect(bare.head.origin).toMatchObject({ user: 'alice@example.org' });
    const whole = await send('date: Sat, 21 Nov 2026 23:13:00 +0000\r\nmessage-id: <1@x>\r\n\r\ny');
    expect(whole.content).not.toContain('Message-ID: ');
    expect(whole.content).not.toContain('Date: ');
  });

  test('PLAIN and LOGIN in all their forms', async () => {
    for (const transcript of [
      `C: AUTH PLAIN\nS: 334\nC: ${PLAIN}\nS: 235`,
      `C: AUTH plain ${base64(`alice@example.org\0alice@example.org\0${PASSWORD}`)}\nS: 235`,
      `C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: ${base64('alice@example.org')}\nS: 334 UGFzc3dvcmQ6\nC: ${base64(PASSWORD)}\nS: 235`,
      `C: AUTH LOGIN ${base64('alice@example.org')}\nS: 334 UGFzc3dvcmQ6\nC: ${base64(PASSWORD)}\nS: 235`,
    ]) {
      await using client = await secured();
      await client.transcript(transcript);
    }
  });

  test('what is no exchange', async () => {
    await using client = await secured();
    await client.transcript(`
      C: AUTH
      S: 504 5.5.4 *
      C: AUTH CRAM-MD5
      S: 504 5.5.4 *
      C: AUTH PLAIN
      S: 334
      C: *
      S: 501 5.7.0 Authentication cancelled
      C: AUTH LOGIN
      S: 334
      C: *
      S: 501 5.7.0 *
      C: AUTH PLAIN !!!!
      S: 501 5.5.2 *
      C: AUTH PLAIN =
      S: 501 5.5.2 *
      C: AUTH PLAIN ${base64('no nul at all')}
      S: 501 5.5.2 *
      C: AUTH PLAIN ${base64(`bob@example.org\0alice@example.org\0${PASSWORD}`)}
      S: 535 5.7.8 Nobody may act for another here
      C: AUTH PLAIN ${PLAIN}
      S: 235`);
  });

  test('an endless response ends the session', async () => {
    await using client = await secured();
    await client.command('AUTH PLAIN', '334');
    client.sendRaw('A'.repeat(13_000));
    await client.transcript('S: 500 5.5.6 *\nS: closed');
  });

  test('fails for a wrong password and an unknown account alike, and ends after three', async () => {
    await using client = await secured();
    await client.transcript(`
      C: AUTH PLAIN ${base64('\0alice@example.org\0wrong')}
      S: 535 5.7.8 Authentication credentials invalid
      C: AUTH PLAIN ${base64('\0nobody@example.org\0wrong')}
      S: 535 5.7.8 Authentication credentials invalid
      C: AUTH PLAIN ${base64('\0alice@example.org\0wrong')}
      S: 421 4.7.0 *
      S: closed`);
  });

  test('is throttled by account and by address, and passwords are never logged', async () => {
    await using world = await startIngress({ ingress: { limits: { auth_failures: 10, auth_failures_per_client: 2 } } }, ingress.world.redis);
    await using client = await secured('submission', world);
    const wrong = `C: AUTH PLAIN ${base64('\0alice@example.org\0secret!')}\nS: 535`;
    await client.transcript(`${wrong}\n${wrong}\nC: AUTH PLAIN ${PLAIN}\nS: 454 4.7.0 Too many failed authentications, try again later`);
    expect(JSON.stringify(world.world.lines)).not.toContain(base64('\0alice@example.org\0secret!'));
    expect(JSON.stringify(world.world.lines)).not.toContain('secret!');
  });

  test('the reply to a failure is delayed', async () => {
    await using world = await startIngress({ ingress: { limits: { auth_failure_delay: 300 } } }, ingress.world.redis);
    await using client = await secured('submission', world);
    const before = performance.now();
    await client.command(`AUTH PLAIN ${base64('\0alice@example.org\0wrong')}`, '535');
    expect(performance.now() - before).toBeGreaterThan(290);
  });
});
