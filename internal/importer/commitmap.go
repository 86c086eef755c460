package importer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite"
	"rehome/internal/store"
)

// mapFile is the commit map in a final repository: a header line, then `OLD NEW` for every
// commit, by OLD.
const mapFile = "commit-map"

// writeFile makes a file of what write writes, on disk when it returns.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("make %s: %w", filepath.Base(name), err)
	}
	out := bufio.NewWriterSize(f, 1<<16)
	if err := errors.Join(write(out), out.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}

// CommitMap returns the commit map of the last rewrite and its size in bytes. NotFound
// without an import, and before it was rewritten for the first time.
func (m *Importer) CommitMap(ctx context.Context, repositoryID int64) (io.ReadCloser, int64, error) {
	i, err := m.rewritten(ctx, repositoryID)
	if err != nil {
		return nil, 0, err
	}
	file, err := m.openMap(ctx, &i)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open commit map: %w", err), file.Close())
	}
	return file, info.Size(), nil
}

// CommitMapVersion names the commit map that CommitMap returns: another map of the same repository has another
// name, over restarts and imports. NotFound as there.
func (m *Importer) CommitMapVersion(ctx context.Context, repositoryID int64) (string, error) {
	i, err := m.rewritten(ctx, repositoryID)
	return fmt.Sprintf("map-%x-%x-%x-%x", i.ID, i.CreatedAt.UnixMilli(), i.Done.Raw, i.Rewritten), err
}

// NewCommit returns what a commit of the source became in the last rewrite. NotFound as
// with CommitMap, and for an id that is no commit of the source.
func (m *Importer) NewCommit(ctx context.Context, repositoryID int64, old object.ID) (object.ID, error) {
	i, err := m.rewritten(ctx, repositoryID)
	if err != nil {
		return object.ID{}, err
	}
	if i.Changes == (rehome.Changes{}) && !mapAlone(&i) {
		return m.sameCommit(ctx, &i, old)
	}
	file, err := m.openMap(ctx, &i)
	if err != nil {
		return object.ID{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return object.ID{}, fmt.Errorf("open commit map: %w", err)
	}
	return findCommit(file, info.Size(), old)
}

var errNoCommit = &rehome.Error{Code: rehome.NotFound, Message: "There is no such commit."}

// rewritten returns the row of an import that was rewritten.
func (m *Importer) rewritten(ctx context.Context, repositoryID int64) (store.Import, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err == nil && i.Rewritten == 0 {
		err = &rehome.Error{Code: rehome.NotFound, Message: "There is no commit map yet."}
	}
	return i, err
}

// openMap opens the commit map. Where nothing was changed it is made on the way, in a
// file that has no name.
func (m *Importer) openMap(ctx context.Context, i *store.Import) (*os.File, error) {
	if i.Changes != (rehome.Changes{}) || mapAlone(i) {
		dir, err := m.here(ctx, i, kindFinal)
		if err != nil {
			return nil, notThere(err)
		}
		file, err := os.Open(filepath.Join(dir, mapFile))
		return file, notThere(err)
	}
	raw, err := m.rawHere(ctx, i)
	if err != nil {
		return nil, notThere(err)
	}
	file, err := os.CreateTemp(filepath.Join(m.Folder.dir, "work"), "map-*")
	if err != nil {
		return nil, fmt.Errorf("make commit map: %w", err)
	}
	out := bufio.NewWriterSize(file, 1<<16)
	err = errors.Join(os.Remove(file.Name()), writeIdentity(ctx, raw, out), out.Flush())
	if _, again := file.Seek(0, io.SeekStart); err != nil || again != nil {
		return nil, errors.Join(fmt.Errorf("make commit map: %w", errors.Join(err, again)), file.Close())
	}
	return file, nil
}

// notThere turns a missing repository, which will come again, into NotFound.
func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &rehome.Error{Code: rehome.NotFound, Message: "The commit map is not there at the moment.", Err: err}
	}
	return err
}

// rawHere opens the raw repository of an import; fs.ErrNotExist when there is none.
func (m *Importer) rawHere(ctx context.Context, i *store.Import) (*repo.Repo, error) {
	dir, err := m.here(ctx, i, kindRaw)
	if err != nil {
		return nil, err
	}
	return repo.Open(dir)
}

// writeIdentity writes the map of a history that stays as it is.
func writeIdentity(ctx context.Context, raw *repo.Repo, out io.Writer) error {
	line := []byte(rewrite.MapHeader(raw.Format()))
	if _, err := out.Write(line); err != nil {
		return err
	}
	return eachCommit(ctx, raw, func(id object.ID) error {
		line = rewrite.AppendMapLine(line[:0], id, id)
		_, err := out.Write(line)
		return err
	})
}

// eachCommit visits the commits of a raw repository, by id.
func eachCommit(ctx context.Context, raw *repo.Repo, visit func(object.ID) error) error {
	objects, err := raw.Objects()
	if err != nil {
		return err
	}
	defer objects.Close()
	return pack.Guard(func() error {
		var packs []*pack.Pack
		for _, p := range objects.Packs() {
			history, err := isHistory(p)
			if err != nil {
				return err
			}
			if history {
				packs = append(packs, p)
			}
		}
		for p, n := range byID(packs) {
			t, err := p.Type(n)
			if err != nil {
				return err
			}
			if t != object.Commit {
				continue
			}
			if err := errors.Join(visit(p.Index.ID(n)), ctx.Err()); err != nil {
				return err
			}
		}
		return nil
	})
}

// byID yields the objects of packs in the order of their ids, each once, with their places there.
func byID(packs []*pack.Pack) iter.Seq2[*pack.Pack, int] {
	return func(yield func(*pack.Pack, int) bool) {
		at := make([]int, len(packs))
		for {
			first := -1
			for k, p := range packs {
				if at[k] < p.Index.Len() && (first < 0 || bytes.Compare(p.Index.IDBytes(at[k]), packs[first].Index.IDBytes(at[first])) < 0) {
					first = k
				}
			}
			if first < 0 || !yield(packs[first], at[first]) {
				return
			}
			id := packs[first].Index.IDBytes(at[first])
			for k, p := range packs {
				if at[k] < p.Index.Len() && bytes.Equal(p.Index.IDBytes(at[k]), id) {
					at[k]++
				}
			}
		}
	}
}

// sameCommit is NewCommit where nothing was changed.
func (m *Importer) sameCommit(ctx context.Context, i *store.Import, old object.ID) (object.ID, error) {
	raw, err := m.rawHere(ctx, i)
	if err != nil {
		return object.ID{}, notThere(err)
	}
	if old.Format() != raw.Format() {
		return object.ID{}, errNoCommit
	}
	objects, err := raw.Objects()
	if err != nil {
		return object.ID{}, err
	}
	defer objects.Close()
	if !objects.Has(old) {
		return object.ID{}, errNoCommit
	}
	t, err := objects.Type(old)
	if err == nil && t != object.Commit {
		err = errNoCommit
	}
	return old, err
}

// findCommit looks an id up in a commit map of size bytes, whose lines are sorted and,
// but for the header, of one length.
func findCommit(file io.ReaderAt, size int64, old object.ID) (object.ID, error) {
	want := old.String()
	header, length := int64(len(want)+len(" new\n")), int64(2*len(want)+2)
	if (size-header)%length != 0 { // of the other object format
		return object.ID{}, errNoCommit
	}
	line := make([]byte, length)
	var err error
	read := func(n int) string {
		if _, failed := file.ReadAt(line, header+int64(n)*length); failed != nil {
			err = failed
		}
		return string(line)
	}
	lines := int((size - header) / length)
	n := sort.Search(lines, func(n int) bool { return read(n)[:len(want)] >= want })
	if n == lines {
		return object.ID{}, errNoCommit
	}
	found, became, _ := strings.Cut(strings.TrimSuffix(read(n), "\n"), " ")
	switch {
	case err != nil:
		return object.ID{}, fmt.Errorf("read commit map: %w", err)
	case found != want:
		return object.ID{}, errNoCommit
	}
	return object.ParseID(became)
}
