package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome/internal/disk"
	"rehome/internal/git/repo"
)

// quiet is how long a publication waits for those who are in, so that it can remove what it supersedes.
// Newcomers wait with it.
const quiet = 3 * time.Second

// packsFile is where a repository's folder remembers the packs of its publications.
const packsFile = "rehome-packs.json"

// remembered is what packsFile says. It is a guess at what may go: whether it goes is decided by the refs
// of the moment, so that nothing is lost when it is wrong.
type remembered struct {
	History    packNames    `json:"history"`           // of the last publication; every parent of their commits is in them
	Content    packNames    `json:"content,omitempty"` // of the last publication; what their trees lead to is in them
	Superseded []superseded `json:"superseded"`
}

// packNames are the names of packs. In JSON one alone may stand without a list around it, and "" is none.
type packNames []string

// UnmarshalJSON reads a list, and the one name that there was before packs came to be several.
func (p *packNames) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		var one string
		err := json.Unmarshal(text, &one)
		if *p = nil; one != "" {
			*p = packNames{one}
		}
		return err
	}
	var all []string
	err := json.Unmarshal(text, &all)
	*p = all
	return err
}

// superseded is a pack that a publication stands instead of.
type superseded struct {
	Pack    string    `json:"pack"`
	Closed  bool      `json:"closed"`            // every parent of its commits, or what its trees lead to, is in it and those of With
	With    packNames `json:"with,omitempty"`    // others of the publication that it was of
	Suspect bool      `json:"suspect,omitempty"` // no publication said so; content stays then
}

func (s superseded) equal(o superseded) bool {
	return s.Pack == o.Pack && s.Closed == o.Closed && s.Suspect == o.Suspect && slices.Equal(s.With, o.With)
}

func (m remembered) equal(o remembered) bool {
	return slices.Equal(m.History, o.History) && slices.Equal(m.Content, o.Content) && slices.EqualFunc(m.Superseded, o.Superseded, superseded.equal)
}

func (m remembered) has(name string) bool { return m.find(name) >= 0 }

// find returns where a pack is among those superseded, -1 where it is none of them.
func (m remembered) find(name string) int {
	return slices.IndexFunc(m.Superseded, func(s superseded) bool { return s.Pack == name })
}

// remember reads packsFile; a missing one is zero.
func remember(dir string) (remembered, error) {
	text, err := os.ReadFile(filepath.Join(dir, packsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return remembered{}, nil
	}
	if err != nil {
		return remembered{}, fmt.Errorf("read superseded packs: %w", err)
	}
	var m remembered
	if json.Unmarshal(text, &m) != nil {
		return suspectAll(dir)
	}
	return m, nil
}

// suspectAll is what is remembered where packsFile is damaged: any pack may be superseded.
func suspectAll(dir string) (m remembered, err error) {
	r, err := repo.Open(dir)
	if err != nil {
		return m, err
	}
	names, err := r.PackNames()
	for _, name := range names {
		m.Superseded = append(m.Superseded, superseded{Pack: name, Suspect: true})
	}
	return m, err
}

// write replaces packsFile; it is on disk when it returns.
func (m remembered) write(dir string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, packsFile)
	f, err := disk.CreateFile(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := disk.Move(path+".new", path); err != nil {
		return err
	}
	return repo.SyncDir(dir)
}

// supersede notes, before a ref moves, which packs the publication stands instead of. Those that it
// brings are none of them, whatever was noted before.
func (e *entry) supersede(r *repo.Repo, p Publication) error {
	e.packs.Lock()
	defer e.packs.Unlock()
	before, err := remember(r.Dir())
	if err != nil {
		return err
	}
	brings, err := p.From.PackNames()
	if err != nil {
		return err
	}
	for _, name := range slices.Concat(p.History, p.Content) {
		if !slices.Contains(brings, name) {
			return fmt.Errorf("note superseded packs: what is published has no pack %q", name)
		}
	}
	after := before.by(p, brings, func(name string) bool { return isThere(r, name) })
	e.setLook(true)
	if before.equal(after) {
		return nil
	}
	return after.write(r.Dir())
}

// by returns what is to be remembered once p is published, which brings packs.
func (m remembered) by(p Publication, brings []string, isThere func(name string) bool) remembered {
	after := remembered{History: p.History, Content: p.Content}
	add := func(s superseded) {
		at := after.find(s.Pack)
		switch {
		case at >= 0:
			after.Superseded[at].Suspect = after.Superseded[at].Suspect && s.Suspect
		case s.Pack != "" && !slices.Contains(brings, s.Pack) && isThere(s.Pack):
			after.Superseded = append(after.Superseded, s)
		}
	}
	for _, s := range m.Superseded {
		add(s)
	}
	for _, closed := range []packNames{m.History, m.Content} {
		for _, name := range closed {
			add(superseded{Pack: name, Closed: true, With: closed.without(name)})
		}
	}
	for _, name := range p.Replaces {
		add(superseded{Pack: name})
	}
	return after
}

// without returns the other names.
func (p packNames) without(name string) packNames {
	return slices.DeleteFunc(slices.Clone(p), func(other string) bool { return other == name })
}

// isThere reports whether a pack has a file left, if only a half of it that a crash left.
func isThere(r *repo.Repo, name string) bool {
	for _, ext := range []string{".idx", ".pack"} {
		if _, err := os.Lstat(filepath.Join(r.Dir(), "objects", "pack", name+ext)); err == nil {
			return true
		}
	}
	return false
}

// discard removes superseded packs that nothing needs, if nobody is in for a moment before long.
func (h *Host) discard(ctx context.Context, repoID int64) error {
	e, err := h.entry(repoID)
	if err != nil || !e.looks() {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, h.quiet)
	defer cancel()
	_, leave, err := e.enterAlone(waiting, h.path(repoID))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil // whoever leaves last does it
	}
	if err != nil {
		return err
	}
	defer leave()
	return e.discardAlone(ctx, h.path(repoID))
}

// discardQuietly is discard for one who leaves: nothing happens while somebody else is in.
func (e *entry) discardQuietly(dir string) error {
	if !e.looks() || !e.lock.TryAcquire(everybody) {
		return nil
	}
	defer e.lock.Release(everybody)
	ctx, forget, err := e.register(context.Background())
	if err != nil {
		return err
	}
	defer forget()
	return e.discardAlone(ctx, dir)
}

// discardAlone removes superseded packs that nothing needs, for one who has made sure that nobody is in:
// a push that was checked against an old commit has then either made its ref or failed.
func (e *entry) discardAlone(ctx context.Context, dir string) (err error) {
	e.packs.Lock()
	defer e.packs.Unlock()
	e.setLook(false)
	defer func() {
		if err != nil {
			e.setLook(true)
			err = fmt.Errorf("remove superseded packs: %w", err)
		}
	}()
	m, err := remember(dir)
	if err != nil || len(m.Superseded) == 0 {
		return err
	}
	r, err := repo.Open(dir)
	if err != nil {
		return err
	}
	needed, err := neededPacks(ctx, r, m)
	if err != nil {
		return err
	}
	left := remembered{History: m.History, Content: m.Content}
	for _, s := range m.Superseded {
		if needed[s.Pack] {
			left.Superseded = append(left.Superseded, s)
		} else if err := r.RemovePack(s.Pack); err != nil {
			return err
		}
	}
	if len(left.Superseded) == len(m.Superseded) {
		return nil
	}
	return left.write(dir)
}

// neededPacks returns the superseded packs that have to stay.
func neededPacks(ctx context.Context, r *repo.Repo, m remembered) (needed map[string]bool, err error) {
	err = lookForNeed(r, m, func(s *need, refs []repo.Ref) error {
		needed = s.needed
		return s.walk(ctx, refs)
	})
	return needed, err
}

// discardAll is discard for every repository, at the start. What fails is tried again when somebody uses
// the repository.
func (h *Host) discardAll() error {
	entries, err := os.ReadDir(h.o.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, _ := strings.CutSuffix(e.Name(), ".git")
		id, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			continue
		}
		m, err := remember(h.path(id))
		if err == nil && len(m.Superseded) > 0 {
			err = h.discard(context.Background(), id)
		}
		if err != nil {
			h.o.Log.Error("superseded packs stay for now", "repository", id, "error", err)
		}
	}
	return nil
}
