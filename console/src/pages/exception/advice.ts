/** An advice without the commands that it names in brackets: the page has buttons for them. */
export function withoutCommands(advice: string): string {
  return advice.replace(/ \(rentmatch [^)]*\)/g, "");
}
