package terminal

import (
	"os"
	"regexp"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// paint matches what Style paints with; it takes no room.
var paint = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Width is how many columns a line takes.
func Width(line string) int { return runewidth.StringWidth(paint.ReplaceAllString(line, "")) }

// Clip cuts a line off so that it takes at most so many columns, and marks the cut where there is room. Paint stays whole.
func (s Style) Clip(line string, columns int) string {
	if Width(line) <= columns {
		return line
	}
	tail := s.mark("…", "...")
	if columns < 2*len(tail) {
		tail = ""
	}
	room, kept := columns-runewidth.StringWidth(tail), strings.Builder{}
	for at := 0; at < len(line); {
		if found := paint.FindStringIndex(line[at:]); found != nil && found[0] == 0 {
			kept.WriteString(line[at : at+found[1]])
			at += found[1]
			continue
		}
		next := paint.FindStringIndex(line[at:])
		text := line[at:]
		if next != nil {
			text = line[at : at+next[0]]
		}
		at += len(text)
		fits := runewidth.Truncate(text, max(room, 0), "")
		kept.WriteString(fits)
		if room -= runewidth.StringWidth(fits); fits != text {
			kept.WriteString(tail)
			room, tail = 0, ""
		}
	}
	return kept.String()
}

// Middle cuts out the middle of a text so that it takes at most so many columns: of addresses both ends tell most.
func (s Style) Middle(text string, columns int) string {
	gap := s.mark("…", "...")
	if Width(text) <= columns || columns < 3*len(gap) {
		return s.Clip(text, columns)
	}
	room := columns - runewidth.StringWidth(gap)
	head := runewidth.Truncate(text, room/3, "")
	tail := runewidth.TruncateLeft(text, Width(text)-(room-runewidth.StringWidth(head)), "")
	return head + gap + tail
}

// Wrap breaks a text between words so that no line takes more than so many columns, where a word does not by itself. All
// lines but the first begin with indent.
func Wrap(text string, columns int, indent string) string {
	var b strings.Builder
	at := 0
	for word := range strings.FieldsSeq(text) {
		switch width := Width(word); {
		case at == 0:
		case at+1+width > columns:
			b.WriteString("\n" + indent)
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += Width(word)
	}
	return b.String()
}

// Columns is how wide a terminal is; 0 for what is none.
func Columns(stream any) int {
	file, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// Pad fills a text up with spaces.
func Pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(columns-Width(text), 0))
}

// Bar draws a bar of so many columns of which part out of whole is done.
func (s Style) Bar(columns int, part, whole int64) string {
	done := 0
	if whole > 0 {
		done = int(int64(columns) * min(max(part, 0), whole) / whole)
	}
	return s.bar(0, done, columns)
}

// Moving draws a bar for what is under way with no end in sight: a piece that goes to and fro, one place further at each step.
func (s Style) Moving(columns int, step int64) string {
	piece := max(columns/5, 1)
	way := int64(max(columns-piece, 1))
	at := step % (2 * way)
	if at > way {
		at = 2*way - at
	}
	return s.bar(int(at), piece, columns)
}

func (s Style) bar(from, filled, columns int) string {
	done, rest := s.mark("█", "#"), s.mark("░", "-")
	return strings.Repeat(rest, from) + strings.Repeat(done, filled) + strings.Repeat(rest, max(columns-from-filled, 0))
}
