package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rehome/internal/batch"
	"rehome/internal/importer"
	"rehome/internal/remote"
)

// stateFolder is where the command line keeps what it has to remember: the folder given, or rehome where the XDG base
// directory specification has it.
//
//	known_hosts      keys of SSH servers met first; not below a folder given
//	moves/ID/        a move to a URL: a server's data folder with one import; below a folder given without moves/
//	batch/NAME-ID/   the journal of a batch
func (m *Main) stateFolder(given string) (string, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err != nil {
			return "", fmt.Errorf("find the state folder: %w", err)
		}
		return dir, nil
	}
	dir := m.Getenv("XDG_STATE_HOME")
	if dir == "" || !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", usagef("Give --state DIR.", "there is no place to keep state in: %w", err)
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "rehome"), nil
}

// movesIn is the folder with the states of moves in a state folder.
func movesIn(dir, given string) string {
	if given == "" {
		return filepath.Join(dir, "moves")
	}
	return dir
}

// moveState is the folder of one move.
type moveState struct {
	dir  string
	keep bool // it stays when the move is done
}

// stateOf is where the state of a move is kept.
func (m *Main) stateOf(from, to remote.Location, given string) (moveState, error) {
	base, err := m.stateFolder(given)
	if err != nil {
		return moveState{}, err
	}
	sum := sha256.Sum256([]byte(from.String() + "\n" + to.String()))
	s := moveState{filepath.Join(movesIn(base, given), hex.EncodeToString(sum[:8])), given != ""}
	return s, about{Source: from.String(), Destination: to.String()}.write(s.dir)
}

// end drops the state of a move that is done, or of which nothing was finished. What stays for the next run is
// underneath the error; pushing says that a push had begun.
func (s moveState) end(failed error, pushing bool) error {
	if !s.keep && (failed == nil || !s.finished()) {
		return errors.Join(failed, os.RemoveAll(s.dir))
	}
	if failed == nil {
		return nil
	}
	return &keptError{failed, s.dir, pushing}
}

// finished reports whether a pack or a Git LFS object came.
func (s moveState) finished() bool {
	found := errors.New("found")
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && (strings.HasSuffix(path, ".pack") || strings.HasPrefix(path, data(s.dir).lfs()+string(filepath.Separator))) {
			return found
		}
		return nil
	})
	return errors.Is(err, found)
}

// keptError is the error of a command that goes on with what is finished when it is run again.
type keptError struct {
	error
	dir     string
	pushing bool // a destination may have part of the refs
}

// Unwrap returns the error itself.
func (e *keptError) Unwrap() error { return e.error }

// like gives other the folder that err has, if any.
func like(err, other error) error {
	if kept := (*keptError)(nil); errors.As(err, &kept) {
		return &keptError{other, kept.dir, kept.pushing}
	}
	return other
}

// about says what a state folder is for.
type about struct {
	Source      string `json:"source,omitempty"`
	Destination string `json:"destination,omitempty"`
	Batch       string `json:"batch,omitempty"` // the file
}

const aboutFile = "about.json"

// write makes the folder and notes in it what it is for.
func (a about) write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the state folder (--state DIR names another): %w", err)
	}
	text, err := json.Marshal(a)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, aboutFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note what the state folder is for: %w", err)
	}
	return nil
}

// fits reports whether a state folder for that has such a name: other programs have files called about.json, too.
func (a about) fits(folder string) bool {
	long := 8
	if a.Batch != "" {
		folder, long = folder[strings.LastIndexByte(folder, '-')+1:], 6
	}
	sum, err := hex.DecodeString(folder)
	return err == nil && len(sum) == long && (a.Batch != "" || a.Source != "" && a.Destination != "")
}

// kept is one state folder that is there.
type kept struct {
	ID   string    `json:"id"`
	Dir  string    `json:"dir"`
	Used time.Time `json:"used_at"`
	Size int64     `json:"bytes"`
	about
}

// allKept lists the state folders of moves, then of batches. Folders that hold something else are passed over.
func (m *Main) allKept(given string) ([]kept, error) {
	base, err := m.stateFolder(given)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(base); given != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("Check the path.", "there is no folder %q", given)
	}
	all := []kept{}
	for _, dir := range []string{movesIn(base, given), filepath.Join(base, "batch")} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list the state folder: %w", err)
		}
		for _, e := range entries {
			k := kept{ID: e.Name(), Dir: filepath.Join(dir, e.Name())}
			text, err := os.ReadFile(filepath.Join(k.Dir, aboutFile))
			if err != nil || json.Unmarshal(text, &k.about) != nil || !k.fits(k.ID) {
				continue
			}
			k.measure()
			all = append(all, k)
		}
	}
	return all, nil
}

// measure finds out how much a folder holds and when it was written last.
func (k *kept) measure() {
	filepath.WalkDir(k.Dir, func(_ string, e fs.DirEntry, err error) error { //nolint:errcheck // what goes meanwhile does not count
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			k.Size += info.Size()
			if info.ModTime().After(k.Used) {
				k.Used = info.ModTime().UTC().Truncate(time.Second)
			}
		}
		return nil
	})
}

// remove takes a folder away, unless a run has it.
func (k *kept) remove() error {
	inUse := func() error {
		return usagef("Wait for it to end, or stop it first.", "the state %s is in use by another rehome", k.ID)
	}
	if k.Batch != "" {
		j, err := batch.OpenJournal(k.Dir)
		if errors.Is(err, batch.ErrInUse) {
			return inUse()
		}
		if err == nil { // one of another version may go, too
			defer j.Close()
		}
	} else {
		folder, err := importer.Claim(k.Dir)
		if errors.Is(err, importer.ErrInUse) {
			return inUse()
		} else if err != nil {
			return err
		}
		defer folder.Close()
	}
	if err := os.RemoveAll(k.Dir); err != nil {
		return fmt.Errorf("remove the state %s: %w", k.ID, err)
	}
	return nil
}
