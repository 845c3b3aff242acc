const longest = 80;

/** Characters that JSON leaves as they are and a terminal acts on: controls, and marks that turn the reading direction. */
const acting = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A name that a file holds, as an error shows it: a JSON string of at most 80 characters, nothing in it that a terminal acts on. */
export function quoted(name: string): string {
  const short = name.length <= longest ? name : `${name.slice(0, longest - 3)}...`;
  return JSON.stringify(short).replace(acting, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for lists: without quotes where the name is plain. */
export const plainOrQuoted = (name: string): string => (/^[\w./-]{1,80}$/.test(name) ? name : quoted(name));
