// Package terminal draws a few lines at the foot of a terminal again and again in place, and knows what a terminal can show.
package terminal

import (
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/mattn/go-runewidth"
)

// Style is what a stream can show. The zero value is for a file or a pipe: text, and nothing besides.
type Style struct {
	Live   bool // lines can be drawn again in place
	Colour bool
	UTF8   bool // marks and bars may be other than ASCII
}

// StyleOf finds out what a stream can show: nothing but text unless it is a terminal, and as the environment says of
// that: NO_COLOR (https://no-color.org), TERM, and the locale in LC_ALL, LC_CTYPE or LANG.
func StyleOf(stream any, getenv func(string) string) Style {
	file, ok := stream.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return Style{}
	}
	return styleOf(getenv)
}

// styleOf is StyleOf for a terminal.
func styleOf(getenv func(string) string) Style {
	able := getenv("TERM") != "" && getenv("TERM") != "dumb"
	return Style{Live: able, Colour: able && getenv("NO_COLOR") == "", UTF8: utf8Locale(getenv) && runewidth.RuneWidth('█') == 1}
}

// utf8Locale reports whether the locale's characters are UTF-8. The first variable that is set decides, as POSIX has it.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// Red is for errors, Yellow for warnings, Green for what is done. Colour never says anything that the text does not.
func (s Style) Red(text string) string    { return s.paint("31", text) }
func (s Style) Yellow(text string) string { return s.paint("33", text) }
func (s Style) Green(text string) string  { return s.paint("32", text) }

func (s Style) paint(colour, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Done, Failed, Running and Waiting are marks of one column.
func (s Style) Done() string    { return s.Green(s.mark("✓", "+")) }
func (s Style) Failed() string  { return s.Red(s.mark("✗", "x")) }
func (s Style) Running() string { return s.mark("▸", ">") }
func (s Style) Waiting() string { return s.mark("·", "-") }

func (s Style) mark(mark, ascii string) string {
	if s.UTF8 {
		return mark
	}
	return ascii
}
