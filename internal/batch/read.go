package batch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"rehome"
	"rehome/internal/remote"
)

// What a batch file may come to.
const (
	maxFile   = 64 << 20 // bytes
	maxFaults = 100      // listed at most
)

// Rules say what may stand in a batch besides sources and destinations. Both have to be set.
type Rules struct {
	Column func(name string) error // nil for the name of a flag that rows may have
	Row    func(Row) error         // nil for a row that can be run as far as that is known before
}

// FileError lists what is wrong with a batch file.
type FileError struct {
	Faults []Fault // by line, at least one
	More   int     // that are not listed
}

// Fault is what is wrong with a line.
type Fault struct {
	Line int // from 1
	Why  string
}

func (e *FileError) Error() string {
	text := fmt.Sprintf("line %d of the batch file: %s", e.Faults[0].Line, e.Faults[0].Why)
	if more := len(e.Faults) - 1 + e.More; more > 0 {
		text += fmt.Sprintf(" (%d more faults)", more)
	}
	return text
}

// Read reads a batch file: CSV with a header, or JSON lines. The error is a *FileError where lines are at fault, all
// of them.
func Read(r io.Reader, rules Rules) ([]Row, error) {
	bounded := &bound{r: r, left: maxFile}
	in := bufio.NewReaderSize(bounded, 1<<16)
	if start, _ := in.Peek(3); bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		in.Discard(3) //nolint:errcheck // they are there
	}
	b := &book{rules: rules, seen: map[string]int{}}
	var err error
	if isJSON(in) {
		err = b.readJSON(in)
	} else {
		err = b.readCSV(in)
	}
	switch {
	case errors.Is(err, errTooLong):
		b.fault(b.line+1, fmt.Sprintf("the file goes on after %d bytes, which is the most that is read", maxFile))
	case err != nil:
		return nil, fmt.Errorf("read batch file: %w", err)
	case len(b.rows) == 0 && len(b.bad.Faults) == 0:
		b.fault(max(b.line, 1), "there is no row in the file")
	}
	if len(b.bad.Faults) > 0 {
		slices.SortStableFunc(b.bad.Faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, &b.bad
	}
	return b.rows, nil
}

// isJSON reports whether the first thing in the file is an object.
func isJSON(in *bufio.Reader) bool {
	for n := 1; n <= in.Size(); n++ {
		start, _ := in.Peek(n)
		if len(start) < n {
			return false
		}
		if !unicode.IsSpace(rune(start[n-1])) {
			return start[n-1] == '{'
		}
	}
	return false
}

var errTooLong = errors.New("too long")

// bound ends with errTooLong what is longer than allowed.
type bound struct {
	r    io.Reader
	left int
}

func (b *bound) Read(p []byte) (int, error) {
	n, err := b.r.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// book gathers rows and faults.
type book struct {
	rules Rules
	rows  []Row
	bad   FileError
	seen  map[string]int // lines by the keys of their destinations
	line  int            // the last one that was read
}

func (b *book) fault(line int, why string) {
	if len(b.bad.Faults) == maxFaults {
		b.bad.More++
		return
	}
	b.bad.Faults = append(b.bad.Faults, Fault{line, why})
}

// full notes that there are too many rows.
func (b *book) full() bool {
	if len(b.rows) < MaxRows {
		return false
	}
	b.fault(b.line, fmt.Sprintf("a batch has at most %d rows", MaxRows))
	return true
}

// column returns what is wrong with the name of a column.
func (b *book) column(name string) error {
	switch {
	case name == "source" || name == "destination":
		return nil
	case strings.Contains(name, "password") || strings.Contains(name, "token"):
		return errors.New("passwords do not belong into the file: set REHOME_SOURCE_PASSWORD and REHOME_DEST_PASSWORD, which apply to all rows")
	case name == "":
		return errors.New("a column has no name")
	}
	return b.rules.Column(name)
}

// take adds a row, or says what is wrong with it.
func (b *book) take(row Row) {
	before := len(b.bad.Faults) + b.bad.More
	b.checkAddress(row.Line, "source", row.Source, "source-user")
	b.checkAddress(row.Line, "destination", row.Destination, "dest-user")
	if row.Destination != "" {
		key := remote.Key(row.Destination)
		if line, twice := b.seen[key]; twice {
			b.fault(row.Line, fmt.Sprintf("it has the destination of line %d", line))
		} else {
			b.seen[key] = row.Line
		}
		if key == remote.Key(row.Source) {
			b.fault(row.Line, "source and destination are the same")
		}
	}
	for name, values := range row.Flags {
		if slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) || strings.ContainsRune(v, 0) }) {
			b.fault(row.Line, fmt.Sprintf("what stands under %s is no UTF-8 text", name))
		}
	}
	if len(b.bad.Faults)+b.bad.More > before {
		return
	}
	if err := b.rules.Row(row); err != nil {
		b.fault(row.Line, rehome.Clean(err.Error(), 500))
		return
	}
	b.rows = append(b.rows, row)
}

// checkAddress looks at a source or destination without repeating it: it may hold a password.
func (b *book) checkAddress(line int, column, address, userColumn string) {
	switch {
	case address == "":
		b.fault(line, "it has no "+column)
	case !utf8.ValidString(address):
		b.fault(line, "the "+column+" is no UTF-8 text")
	case strings.ContainsFunc(address, unicode.IsControl):
		b.fault(line, "the "+column+" holds a control character")
	case namesUser(address):
		b.fault(line, fmt.Sprintf("the %s has a user name or password in it: the name belongs into the column %s, a password into the environment", column, userColumn))
	}
}

// namesUser reports whether a URL has userinfo which may be a secret. What ssh needs is none.
func namesUser(address string) bool {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return false
	}
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return false
	}
	return !strings.Contains(strings.ToLower(scheme), "ssh") || strings.Contains(authority[:at], ":")
}
