package carry

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

const stashRef = "refs/stash"

// stash is the log of refs/stash, which is where all stashes but the latest are: stash@{0} is its last line.
type stash struct {
	path  string
	text  []byte // as it was read
	lines []stashLine
}

// stashLine is `OLD NEW who and when<tab>message`.
type stashLine struct {
	old, new object.ID
	rest     string // from the space behind NEW on
}

// readStash reads the log; a missing one has no lines.
func readStash(r *repo.Repo) (*stash, error) {
	s := &stash{path: filepath.Join(r.Dir(), "logs", filepath.FromSlash(stashRef))}
	text, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the log of the stash: %w", err)
	}
	if s.lines, err = parseStash(string(text)); err != nil {
		return nil, fmt.Errorf("read the log of the stash: %w", err)
	}
	s.text = text
	return s, nil
}

func parseStash(text string) (lines []stashLine, err error) {
	for line := range strings.Lines(text) {
		l, ok := parseStashLine(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, fmt.Errorf("line %d is damaged", len(lines)+1)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parseStashLine(line string) (l stashLine, ok bool) {
	before, line, _ := strings.Cut(line, " ")
	after, _, ok := strings.Cut(line, " ")
	if !ok {
		return l, false
	}
	var errs [2]error
	l.old, errs[0] = object.ParseID(before)
	l.new, errs[1] = object.ParseID(after)
	l.rest = line[len(after):]
	return l, errors.Join(errs[:]...) == nil && l.new.Format() == l.old.Format() && !l.new.IsZero()
}

// at returns stash@{n}.
func (s *stash) at(n int) object.ID { return s.lines[len(s.lines)-1-n].new }

// renamed returns the log's text with other ids. Who, when and messages stay.
func (s *stash) renamed(ids map[object.ID]object.ID) []byte {
	var b bytes.Buffer
	for _, l := range s.lines {
		fmt.Fprintf(&b, "%s %s%s\n", renamed(l.old, ids), renamed(l.new, ids), l.rest)
	}
	return b.Bytes()
}

func renamed(id object.ID, ids map[object.ID]object.ID) object.ID {
	if to, ok := ids[id]; ok {
		return to
	}
	return id
}

// replace calls move and then gives the log its new text. It fails, and nothing has happened, when another
// process writes to the stash meanwhile.
func (s *stash) replace(text []byte, move func() error) error {
	lock, err := os.OpenFile(s.path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w: %q", repo.ErrLocked, s.path)
	}
	if err != nil {
		return fmt.Errorf("write the log of the stash: %w", err)
	}
	ours := true
	defer func() {
		if ours {
			os.Remove(lock.Name())
		}
	}()
	_, err = lock.Write(text)
	if err := errors.Join(err, lock.Sync(), lock.Close()); err != nil {
		return fmt.Errorf("write the log of the stash: %w", err)
	}
	now, err := os.ReadFile(s.path)
	if err != nil || !bytes.Equal(now, s.text) {
		return errors.Join(errors.New("the stash has changed meanwhile"), err)
	}
	if err := move(); err != nil {
		return err
	}
	if err := os.Rename(lock.Name(), s.path); err != nil {
		return fmt.Errorf("write the log of the stash: %w", err)
	}
	ours = false // a lock file that is there now is another process's
	return repo.SyncDir(filepath.Dir(s.path))
}
