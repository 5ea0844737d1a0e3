import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

export type Painter = (style: Style, text: string) => string

/** Colours for a terminal that has them; none where NO_COLOR is set, or where the output goes to a file or a pipe. */
export function painterFor(stream: NodeJS.WriteStream): Painter {
  const hasColours = stream.isTTY && stream.hasColors()
  return (style, text) => (hasColours ? styleText(style, text, { validateStream: false }) : text)
}
