// Bar charts as SVG text, with a whisker from the lowest to the highest value of each bar. Pure: the same figures give the same bytes.
import type { Spread } from './statistics.ts';

export interface Bar extends Spread {
  /** Which of the chart's series it belongs to. */
  readonly series: string;
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly groups: readonly { readonly label: string; readonly bars: readonly Bar[] }[];
}

const WIDTH = 760;
const HEIGHT = 340;
const LEFT = 70;
const TOP = 56;
const BOTTOM = 40;
const COLOURS = ['#1f6f8b', '#d98c3f', '#7a8b69', '#8a5a83'];

/** Draws a chart; its scale starts at nought and ends at a round number over the highest value. */
export function barChart({ title, unit, groups }: Chart): string {
  const series = [...new Set(groups.flatMap(({ bars }) => bars.map((bar) => bar.series)))];
  const top = roundUp(Math.max(1e-9, ...groups.flatMap(({ bars }) => bars.map(({ highest }) => highest))));
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const groupWidth = (WIDTH - LEFT - 20) / Math.max(1, groups.length);
  const barWidth = Math.min(60, (groupWidth * 0.7) / Math.max(1, series.length));
  const bars = groups.flatMap(({ bars: members }, index) => {
    const start = LEFT + index * groupWidth + (groupWidth - barWidth * members.length) / 2;
    return members.map((bar, at) => drawBar(bar, start + at * barWidth, barWidth, y, colour(series, bar.series)));
  });
  const labels = groups.map(({ label }, index) => text(LEFT + (index + 0.5) * groupWidth, HEIGHT - 14, label, 'middle'));
  const legend = series.map((name, index) => {
    const x = WIDTH - 20 - (series.length - index) * 110;
    return `<rect x="${fixed(x)}" y="34" width="11" height="11" fill="${colour(series, name)}"/>${text(x + 16, 44, name, 'start')}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="22" font-size="15">${escapeXml(title)}</text>`,
    text(LEFT, 44, unit, 'start'),
    ...gridLines(top, y),
    ...bars,
    ...labels,
    ...legend,
    '</svg>',
    '',
  ].join('\n');
}

function drawBar({ median, lowest, highest }: Bar, x: number, width: number, y: (value: number) => number, fill: string): string {
  const middle = fixed(x + width / 2);
  return (
    `<rect x="${fixed(x + 2)}" y="${fixed(y(median))}" width="${fixed(width - 4)}" height="${fixed(y(0) - y(median))}" fill="${fill}"/>` +
    `<path d="M${middle} ${fixed(y(lowest))}V${fixed(y(highest))}" stroke="#222"/>` +
    text(x + width / 2, y(highest) - 5, shortNumber(median), 'middle')
  );
}

function gridLines(top: number, y: (value: number) => number): string[] {
  return [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = fixed(y(share * top));
    return `<path d="M${LEFT} ${at}H${WIDTH - 20}" stroke="#ddd"/>${text(LEFT - 8, y(share * top) + 4, shortNumber(share * top), 'end')}`;
  });
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function colour(series: readonly string[], name: string): string {
  return COLOURS[series.indexOf(name) % COLOURS.length] ?? '#222';
}

/** The next of 1, 2, 2.5, 5 or 10 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10);
}

function shortNumber(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-GB') : String(Number(value.toPrecision(2)));
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escapeXml(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
