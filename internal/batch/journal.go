package batch

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"rehome/internal/remote"
)

// ErrInUse says that another batch uses the same journal.
var ErrInUse = errors.New("another rehome batch is at work with the same state folder")

// journalVersion is that of the lines below the first one.
const journalVersion = 1

// Journal is what happened to the rows of a batch, in a file of JSON lines, the newest last. The first line holds the
// version. One process has it at a time; it is safe for concurrent use.
type Journal struct {
	dir  string
	lock *os.File

	mu   sync.Mutex
	file *os.File        // guarded by mu, as the next
	last map[string]note // by key
}

// note is a line of a journal: a row began, or ended with an outcome.
type note struct {
	Key     string   `json:"key"`               // of the destination
	Stamp   string   `json:"stamp"`             // of the row as it was
	Free    bool     `json:"free,omitempty"`    // nothing was at the destination when the row began
	Outcome *Outcome `json:"outcome,omitempty"` // nil: it began
}

// OpenJournal opens the journal in dir, which is made when missing. It is ErrInUse while another process has it.
func OpenJournal(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the batch's state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the batch's state folder: %w", err)
	}
	j := &Journal{dir: dir, lock: lock}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(ErrInUse, lock.Close())
	}
	if err == nil {
		err = j.load()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the batch's journal: %w", err), j.Close())
	}
	return j, nil
}

// Dir returns the journal's folder, for what else belongs to the batch.
func (j *Journal) Dir() string { return j.dir }

// Close lets others have the journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}

// load reads the journal and writes it anew with the last note of each row, so that what a crash left half-written
// is gone, and it does not grow from run to run.
func (j *Journal) load() error {
	name := filepath.Join(j.dir, "journal")
	old, err := os.Open(name)
	if err == nil {
		j.last, err = readNotes(old)
		err = errors.Join(err, old.Close())
	} else if errors.Is(err, fs.ErrNotExist) {
		j.last, err = map[string]note{}, nil
	}
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(j.dir, "journal-*")
	if err != nil {
		return err
	}
	j.file = f
	out := bufio.NewWriter(f)
	fmt.Fprintf(out, "{\"journal\":%d}\n", journalVersion)
	lines := json.NewEncoder(out)
	for _, n := range j.last {
		if err := lines.Encode(n); err != nil {
			return err
		}
	}
	if err := errors.Join(out.Flush(), f.Sync(), os.Rename(f.Name(), name)); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(j.dir)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// readNotes returns the last note of each row. A line that is none, as a crash leaves, is as good as not written.
func readNotes(r io.Reader) (map[string]note, error) {
	last := map[string]note{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for first := true; lines.Scan(); first = false {
		if first {
			var head struct{ Journal int }
			if json.Unmarshal(lines.Bytes(), &head) != nil || head.Journal != journalVersion {
				return nil, errors.New("it was written by another version of rehome")
			}
			continue
		}
		var n note
		if json.Unmarshal(lines.Bytes(), &n) == nil && n.Key != "" {
			last[n.Key] = n
		}
	}
	return last, lines.Err()
}

// Finished returns how the row with that destination ended, if it needs no other run as it stands.
func (j *Journal) Finished(destination, stamp string) (Outcome, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.last[remote.Key(destination)]
	if n.Outcome == nil || n.Stamp != stamp || !n.Outcome.Status.finished() {
		return Outcome{}, false
	}
	was := *n.Outcome
	was.Earlier = true
	return was, true
}

// begin notes that a row begins. It reports whether an earlier run of it, which found nothing at the destination, was
// never seen to end: what is there now came of it.
func (j *Journal) begin(key, stamp string, free bool) (ours bool, err error) {
	j.mu.Lock()
	was, known := j.last[key]
	j.mu.Unlock()
	ours = known && was.Outcome == nil && was.Free
	return ours, j.write(note{Key: key, Stamp: stamp, Free: free || ours})
}

// end notes how a row ended.
func (j *Journal) end(key, stamp string, o Outcome) error {
	return j.write(note{Key: key, Stamp: stamp, Outcome: &o})
}

// write adds a note, on disk when it returns.
func (j *Journal) write(n note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encode a note: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last[n.Key] = n
	_, err = j.file.Write(append(text, '\n'))
	if err = errors.Join(err, j.file.Sync()); err != nil {
		return fmt.Errorf("write the batch's journal: %w", err)
	}
	return nil
}
