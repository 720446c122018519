// LANG (RFC 6856 section 3): the language of replies. There is one.
import { parseArguments } from '../arguments.ts';
import type { Command } from '../conversation.ts';
import { listing } from '../listing.ts';
import { fill, replies } from '../replies.ts';

export const lang: Command = {
  states: ['AUTHORIZATION', 'TRANSACTION'],
  run(_conversation, argument) {
    const languages = parseArguments(argument, 1);
    if (!languages) return replies.syntax;
    const [range] = languages;
    if (range === undefined) return { reply: replies.languages, body: listing(['en English']) };
    // RFC 4647 section 3.3.1: a basic range takes in what it is a prefix of; `*` is whatever the administrator prefers.
    return /^(?:\*|en|i-default)$/i.test(range) ? fill(replies.language, range.toLowerCase() === 'i-default' ? 'i-default' : 'en') : replies.noLanguage;
  },
};
