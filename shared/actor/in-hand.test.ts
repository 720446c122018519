// What an activation remembers of the entries that went through its hands.
import { expect, test } from 'vitest';
import { InHand } from './in-hand.ts';

test('an entry is in hand once, from its arrival until it is settled, however often a pull shows it', () => {
  const inHand = new InHand();
  for (const entry of ['a', 'b', 'a']) inHand.add(entry);
  expect([inHand.next(), inHand.ready, inHand.inFlight]).toEqual(['a', 1, 1]);
  inHand.add('a');
  expect([inHand.ready, inHand.size]).toEqual([1, 2]);
  inHand.settle('a');
  inHand.dropReady();
  expect([inHand.ready, inHand.inFlight, inHand.size]).toEqual([0, 0, 0]);
});

test('what a dead activation had in hand is possibly sent, the first time only', () => {
  const inHand = new InHand();
  inHand.add('told meanwhile');
  inHand.inherit(['a', 'told meanwhile'], '');
  expect([inHand.next(), inHand.next()]).toEqual(['told meanwhile', 'a']);
  expect(['told meanwhile', 'a', 'a', 'new'].map((entry) => inHand.wasHandedOut(entry))).toEqual([true, true, false, false]);
});

test('throws are counted over activations, until the entry is handled', () => {
  const first = new InHand();
  for (const entry of ['a', 'a', 'b']) first.threw(entry);
  const second = new InHand();
  second.inherit([], first.triesToKeep());
  expect(second.threw('a')).toBe(3);
  second.finish('a');
  expect([second.threw('a'), second.threw('b')]).toEqual([1, 2]);
  for (const entry of ['a', 'b']) second.giveUp(entry);
  expect(second.triesToKeep()).toBe('');
});

test('an entry handled three times came back too often', () => {
  const inHand = new InHand();
  const answers = [1, 2, 3].map(() => {
    inHand.finish('a');
    return inHand.cameBackTooOften('a');
  });
  expect(answers).toEqual([false, false, true]);
});
