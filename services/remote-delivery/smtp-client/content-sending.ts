// Sends content and its final dot (RFC 5321 section 4.5.2), at the pace at which the next hop takes it. Right before the dot, and only
// then, it asks whether to go on. It owns nothing; content that cannot be read is a rejection.
import type { Readable } from 'node:stream';
import { DotStuffer } from '#shared/smtp/dot-stuffing.ts';
import type { Content } from '#shared/spool/cold-store.ts';
import type { Channel } from './channel.ts';

/** Content up to this goes in one write with its final dot: an empty socket buffer surely takes it whole. */
export const ONE_WRITE = 16_384;

/** The transaction whose content it is. */
export interface ContentOwner {
  /** False ends the sending: the transaction is over, or this chunk may not go there. */
  takes(chunk: Buffer): boolean;
  /** Asked right before the final dot is handed to the kernel: false leaves it out. */
  commits(): boolean;
  /** Commands that go in the write that ends short content. */
  following(): string;
}

/** Null when nothing is left to wait for. */
export function sendContent(channel: Channel, content: Content, owner: ContentOwner): Promise<void> | null {
  return Buffer.isBuffer(content) ? sendBuffer(channel, content, owner) : sendStream(channel, content, owner);
}

function sendBuffer(channel: Channel, content: Buffer, owner: ContentOwner): Promise<void> | null {
  const stuffer = new DotStuffer();
  const bytes = stuffer.push(content);
  if (bytes.length <= ONE_WRITE) {
    if (owner.commits()) channel.writeTogether(bytes, stuffer.end(), owner.following());
    return null;
  }
  if (!channel.writeBytes(bytes)) return channel.flushed().then(() => sendEnd(channel, stuffer, owner));
  sendEnd(channel, stuffer, owner);
  return null;
}

async function sendStream(channel: Channel, content: Readable, owner: ContentOwner): Promise<void> {
  const stuffer = new DotStuffer();
  for await (const chunk of content as AsyncIterable<Buffer>) {
    if (!owner.takes(chunk)) return;
    if (!channel.writeBytes(stuffer.push(chunk))) await channel.flushed();
  }
  sendEnd(channel, stuffer, owner);
}

function sendEnd(channel: Channel, stuffer: DotStuffer, owner: ContentOwner): void {
  if (owner.commits()) channel.writeBytes(stuffer.end());
}
