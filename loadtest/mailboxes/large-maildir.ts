// A Maildir of many different messages, the same each time: texts of a few thousand words, and one word that only some of them have.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const WORD = 'quicksilver';
export const MESSAGES_WITH_WORD = 100;

const SYLLABLES = ['ba', 'con', 'der', 'el', 'fi', 'gam', 'hol', 'in', 'ka', 'lu', 'mer', 'no', 'os', 'pel', 'ra', 'sun', 'ti', 'ur', 'ven', 'zo'];
const PEOPLE = 200;
/** 2026-01-01, and a message every five minutes from then on. */
const EPOCH = 1_767_225_600;
const INTERVAL = 300;

/** Writes the Maildir; a message in three is read. */
export function writeLargeMaildir(folder: string, messages: number, size: number): void {
  for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(folder, name), { recursive: true });
  const random = generator(1);
  for (let number = 0; number < messages; number++) {
    const time = EPOCH + number * INTERVAL;
    writeFileSync(join(folder, 'cur', `${time}.${number}.load.example:2,${number % 3 === 0 ? 'S' : ''}`), messageOf(number, time, messages, size, random));
  }
}

function messageOf(number: number, time: number, messages: number, size: number, random: () => number): string {
  const person = (index: number) => `${word(index)} ${word(index + 7)} <p${index}@load.example>`;
  const header = [
    `Date: ${new Date(time * 1000).toUTCString().replace('GMT', '+0000')}`,
    `From: ${person(Math.floor(random() * PEOPLE))}`,
    `To: ${person(Math.floor(random() * PEOPLE))}`,
    `Message-ID: <${number}@load.example>`,
    `Subject: ${sentence(4, random)} ${number}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
  ].join('\r\n');
  const telling = number % (messages / MESSAGES_WITH_WORD) === 17 ? `${WORD}\r\n` : '';
  let body = '';
  while (header.length + body.length + telling.length < size) body += `${sentence(10, random)}\r\n`;
  return `${header}\r\n\r\n${body}${telling}`;
}

function sentence(words: number, random: () => number): string {
  return Array.from({ length: words }, () => word(Math.floor(random() ** 2 * 8000))).join(' ');
}

/** Every number below 8,000 its own word. */
function word(index: number): string {
  const [a, b, c] = [index % 20, Math.floor(index / 20) % 20, Math.floor(index / 400) % 20];
  return `${SYLLABLES[a]}${SYLLABLES[b]}${SYLLABLES[c]}`;
}

/** mulberry32: pseudo-random numbers in [0, 1), the same each time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
