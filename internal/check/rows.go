package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/store"
	"rehome/internal/verify"
)

// database checks the rows themselves.
func (c *checking) database(ctx context.Context) error {
	c.Tell(Progress{Step: "database"})
	return c.unit(ctx, func(ctx context.Context) ([]Finding, error) {
		l := list{where: "database"}
		faults, err := c.DB.Faults(ctx)
		for _, f := range faults {
			l.add(Damage, "database", "%s", f)
		}
		return l.all, err
	})
}

func (c *checking) host(id int64) string {
	return filepath.Join(c.Data, "host", strconv.FormatInt(id, 10)+".git")
}

// repositories checks those on the host.
func (c *checking) repositories(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.Data, "host")); errors.Is(err, fs.ErrNotExist) {
		return nil // this machine serves none
	}
	all, err := c.DB.Repositories(ctx)
	if err != nil {
		return err
	}
	for n, r := range all {
		c.Tell(Progress{"repositories", int64(n), int64(len(all))})
		c.result.Repositories++
		for _, look := range []func(context.Context, rehome.Repository) ([]Finding, error){c.hosted, c.written} {
			if err := c.unit(ctx, func(ctx context.Context) ([]Finding, error) { return c.ifThere(ctx, r.ID, look) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// ifThere looks at a repository that has a row.
func (c *checking) ifThere(ctx context.Context, id int64, look func(context.Context, rehome.Repository) ([]Finding, error)) ([]Finding, error) {
	r, err := c.DB.RepositoryByID(ctx, id)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return look(ctx, r)
}

// hosted checks a repository's folder.
func (c *checking) hosted(ctx context.Context, r rehome.Repository) ([]Finding, error) {
	return c.repository(ctx, &list{where: fmt.Sprintf("%s (host/%d.git)", r.FullName(), r.ID)}, c.host(r.ID))
}

// written holds the refs of the host against what imports wrote there.
func (c *checking) written(ctx context.Context, r rehome.Repository) ([]Finding, error) {
	if _, err := c.DB.Destination(ctx, r.ID); rehome.CodeOf(err) != rehome.NotFound {
		return nil, err // they were written elsewhere
	}
	wrote, err := c.DB.WrittenRefs(ctx, r.ID)
	if err != nil || len(wrote) == 0 {
		return nil, err
	}
	at, err := repo.Open(c.host(r.ID))
	if err != nil {
		return nil, nil //nolint:nilerr // hosted tells of it
	}
	refs, err := at.Refs()
	if err != nil || len(refs) == 0 {
		return nil, nil //nolint:nilerr // hosted tells of it; without refs, all went elsewhere
	}
	have := map[string]string{}
	for _, ref := range refs {
		have[ref.Name] = ref.ID.String()
	}
	l := list{where: r.FullName()}
	for _, name := range slices.Sorted(keys(wrote)) {
		w := wrote[name]
		switch is := have[name]; {
		case w.Wrote == "", is == w.Wrote, w.MayBe(is):
		case is == "":
			l.add(Note, "ref_deleted", "%q was deleted by somebody; an import left it at %s", name, w.Wrote)
		default:
			l.add(Note, "ref_moved", "%q was moved by somebody: it is at %s, an import left it at %s", name, is, w.Wrote)
		}
	}
	return l.all, nil
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// imports checks what belongs to each import.
func (c *checking) imports(ctx context.Context) error {
	known, err := c.DB.ImportIDs(ctx)
	if err != nil {
		return err
	}
	if err := c.readNames(ctx); err != nil {
		return err
	}
	done := int64(0)
	for id := range known {
		c.Tell(Progress{"imports", done, int64(len(known))})
		done++
		c.result.Imports++
		for _, look := range []func(context.Context, store.Import) ([]Finding, error){c.receipt, c.raw, c.final, c.kept} {
			err := c.unit(ctx, func(ctx context.Context) ([]Finding, error) {
				i, err := c.DB.ImportByID(ctx, id)
				if rehome.CodeOf(err) == rehome.NotFound || err == nil && i.Deleted {
					return nil, nil
				}
				if err != nil {
					return nil, err
				}
				return look(ctx, i)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// readNames reads by which names people know imports.
func (c *checking) readNames(ctx context.Context) error {
	all, err := c.DB.Repositories(ctx)
	if err != nil {
		return err
	}
	c.names = make(map[int64]string, len(all))
	for _, r := range all {
		c.names[r.ID] = r.FullName()
	}
	return nil
}

// about begins a list about something of an import; what is "" is about its row.
func (c *checking) about(i store.Import, what string) *list {
	l := &list{where: fmt.Sprintf("import %d", i.ID), renewed: what != ""}
	if name := c.names[i.RepositoryID]; name != "" {
		l.where += " of " + name
	}
	if what != "" {
		l.where += " (" + what + ")"
	}
	return l
}

// receipt checks an import's receipt.
func (c *checking) receipt(ctx context.Context, i store.Import) ([]Finding, error) {
	l := c.about(i, "")
	text, err := c.DB.Receipt(ctx, i.ID)
	if rehome.CodeOf(err) == rehome.NotFound {
		if !i.CompletedAt.IsZero() {
			l.add(Damage, "no_receipt", "it completed, and its receipt is gone")
		}
		return l.all, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := verify.ReadReceipt(bytes.NewReader(text)); err != nil {
		l.add(Damage, "receipt", "its receipt: %v", err)
	}
	return l.all, nil
}

// raw checks the raw repository that the row says is done.
func (c *checking) raw(ctx context.Context, i store.Import) ([]Finding, error) {
	name := "raw/" + strconv.FormatInt(i.ID, 10)
	dir := filepath.Join(c.Data, filepath.FromSlash(name))
	l := c.about(i, name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if i.Done.Raw > 0 && !mayBeGone(i) {
			l.add(Warning, "no_raw", "the raw repository is not there: what changes next has it fetched again")
		}
		return l.all, nil
	}
	return c.repository(ctx, l, dir)
}

// final checks what the plan made, where it is there: it can be made again.
func (c *checking) final(ctx context.Context, i store.Import) ([]Finding, error) {
	name := "final/" + strconv.FormatInt(i.ID, 10)
	dir := filepath.Join(c.Data, filepath.FromSlash(name))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) || expired(i) {
		return nil, nil
	}
	return c.repository(ctx, c.about(i, name), dir)
}

// kept checks what the import keeps in the bucket.
func (c *checking) kept(ctx context.Context, i store.Import) ([]Finding, error) {
	if c.Shelf == nil {
		return nil, nil
	}
	l := c.about(i, "bucket")
	for _, key := range []string{i.Kept.Raw, i.Kept.Final, i.Kept.Pushed} {
		if key == "" {
			continue
		}
		err := c.Shelf.Check(ctx, key, c.ReadData, func(key string, wrong error) { l.add(Damage, "kept", "%s: %v", key, wrong) })
		if err != nil {
			return nil, err
		}
	}
	return l.all, nil
}

// mayBeGone reports whether an import's raw repository may have been taken away, or lies in the bucket.
func mayBeGone(i store.Import) bool {
	return !i.RawExpiresAt.IsZero() && time.Now().After(i.RawExpiresAt) || !i.ClosedAt.IsZero() || i.Kept.Raw != "" || expired(i)
}

// expired reports whether only the commit map is kept of an import, perhaps here, too.
func expired(i store.Import) bool { return i.Kept.UsedAt.IsZero() && i.RawBytes == 0 }

// strangers looks for folders that no row knows.
func (c *checking) strangers(ctx context.Context) error {
	for _, kind := range []struct {
		folder, of string
		known      func(context.Context, int64) (bool, error)
	}{{"host", "repository", c.hasRepository}, {"raw", "import", c.hasImport}, {"final", "import", c.hasImport}, {"pushed", "import", c.hasImport}} {
		entries, err := os.ReadDir(filepath.Join(c.Data, kind.folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			err := c.unit(ctx, func(ctx context.Context) ([]Finding, error) {
				digits, _ := strings.CutSuffix(e.Name(), ".git")
				id, err := strconv.ParseInt(digits, 10, 64)
				if err != nil {
					return nil, nil //nolint:nilerr // no repository: something under way
				}
				known, err := kind.known(ctx, id)
				if _, gone := os.Lstat(filepath.Join(c.Data, kind.folder, e.Name())); known || err != nil || gone != nil {
					return nil, err
				}
				l := list{where: kind.folder + "/" + e.Name()}
				l.add(Warning, "no_row", "the folder belongs to no %s", kind.of)
				return l.all, nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checking) hasRepository(ctx context.Context, id int64) (bool, error) {
	_, err := c.DB.RepositoryByID(ctx, id)
	return known(err)
}

func (c *checking) hasImport(ctx context.Context, id int64) (bool, error) {
	_, err := c.DB.ImportByID(ctx, id)
	return known(err)
}

func known(err error) (bool, error) {
	if rehome.CodeOf(err) == rehome.NotFound {
		return false, nil
	}
	return err == nil, err
}
