// Package host keeps bare repositories in a folder and serves them over Git's smart HTTP protocol.
//
// Git's own upload-pack and receive-pack answer, as children in a cage: two fixed command
// lines, a fixed environment, no hooks, a process group that ends with the request. What
// published refs do not reach is not given out in any protocol version.
package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"rehome"
	"rehome/internal/disk"
	"rehome/internal/git/cage"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// hiddenRefs is where refs live that are kept but not published.
const hiddenRefs = "refs/rehome/"

// errClosed reports a call after Close.
var errClosed = errors.New("host is closed")

// Options say where the repositories are. Only Dir is required.
type Options struct {
	Dir     string                                  // holds one folder ID.git for each repository; made when missing
	Git     string                                  // the git program; default: the one in PATH
	Log     *slog.Logger                            // default: nothing is logged
	MaxPush int64                                   // bytes of one push, as it is sent and as it lies on the disk; default 50 GiB
	Floor   disk.Floor                              // half of it ends a push; zero for none
	Pushed  func(ctx context.Context, repoID int64) // told after a push that changed a ref; may be nil

	// Damaged is told when git comes upon something damaged or missing in a repository; nil logs it.
	Damaged func(ctx context.Context, repoID int64, err error)
}

// Host is a folder of repositories, named by the id of their row. It is safe for concurrent use.
type Host struct {
	o        Options
	idle     time.Duration       // for a client to send or take anything; see idle
	patience time.Duration       // for an upload-pack request; see patience
	quiet    time.Duration       // for those who are in when a publication ends; see quiet
	pause    time.Duration       // between looks at what a push takes on the disk
	walks    *semaphore.Weighted // of one: held to walk through a history
	around   func() cage.Around  // what git's children get; looked up once, when it is asked for

	mu      sync.Mutex
	entries map[int64]*entry // guarded by mu; nil after Close
}

// New opens the folder and clears away what an earlier process left half-made.
func New(o Options) (*Host, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxPush == 0 {
		o.MaxPush = 50 << 30
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open host: %w", err)
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open host: %w", err)
	}
	if err := sweep(dir); err != nil {
		return nil, fmt.Errorf("open host: %w", err)
	}
	h := &Host{
		o: o, idle: idle, patience: patience, quiet: quiet, pause: pause, walks: semaphore.NewWeighted(1), entries: map[int64]*entry{},
		around: sync.OnceValue(func() cage.Around { return cage.Look(context.Background(), o.Git) }),
	}
	if err := h.discardAll(); err != nil {
		return nil, fmt.Errorf("open host: %w", err)
	}
	return h, nil
}

// Protections says what stands between this machine and git's children, and what is missing, in words.
func (h *Host) Protections() (on, off []string) {
	a := h.around()
	return a.On, a.Off
}

// sweep removes folders that were being made or removed when a process died.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name()[0] != '.' {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Close ends every request that is being served, kills their children and waits for them.
func (h *Host) Close() error {
	h.mu.Lock()
	entries := h.entries
	h.entries = nil
	h.mu.Unlock()
	errs := make(chan error, len(entries))
	var wg sync.WaitGroup
	for id, e := range entries {
		wg.Go(func() {
			e.end(errClosed)
			if e.isDirty() {
				errs <- e.clearAlone(h.path(id))
			}
		})
	}
	wg.Wait()
	close(errs)
	var all error
	for err := range errs {
		all = errors.Join(all, err)
	}
	return all
}

// path returns the folder of a repository.
func (h *Host) path(repoID int64) string {
	return filepath.Join(h.o.Dir, strconv.FormatInt(repoID, 10)+".git")
}

// Exists reports whether the repository has a folder here.
func (h *Host) Exists(repoID int64) bool {
	_, err := os.Stat(h.path(repoID))
	return err == nil
}

// Create makes an empty repository. It is fs.ErrExist when it is there already.
func (h *Host) Create(_ context.Context, repoID int64, f object.Format) error {
	fresh, err := os.MkdirTemp(h.o.Dir, ".new-")
	if err != nil {
		return fmt.Errorf("create repository: %w", err)
	}
	defer os.RemoveAll(fresh)
	if _, err := repo.Init(fresh, f); err != nil {
		return fmt.Errorf("create repository: %w", err)
	}
	if h.Exists(repoID) {
		return fmt.Errorf("create repository %d: %w", repoID, fs.ErrExist)
	}
	if err := disk.Move(fresh, h.path(repoID)); err != nil {
		return fmt.Errorf("create repository: %w", err)
	}
	return nil
}

// Remove removes a repository, ending whatever uses it. A missing one is no error.
func (h *Host) Remove(ctx context.Context, repoID int64) error {
	e, err := h.entry(repoID)
	if err != nil {
		return fmt.Errorf("remove repository: %w", err)
	}
	e.end(errRemoved)
	gone, err := os.MkdirTemp(h.o.Dir, ".gone-")
	if err != nil {
		return fmt.Errorf("remove repository: %w", err)
	}
	err = disk.Move(h.path(repoID), filepath.Join(gone, "git"))
	h.forget(repoID, e)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, os.RemoveAll(gone)); err != nil {
		return fmt.Errorf("remove repository: %w", err)
	}
	return ctx.Err()
}

// Refs returns the refs of a repository, hidden ones included, and what HEAD names.
func (h *Host) Refs(ctx context.Context, repoID int64) (refs []repo.Ref, head string, err error) {
	err = h.use(ctx, repoID, func(_ context.Context, _ *entry, r *repo.Repo) error {
		if refs, err = r.Refs(); err != nil {
			return err
		}
		head, err = r.Head()
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("refs of repository %d: %w", repoID, err)
	}
	return refs, head, nil
}

// use calls do with an open repository, beside others who use it. The context of do
// also ends when the repository is removed or the host closes.
func (h *Host) use(ctx context.Context, repoID int64, do func(context.Context, *entry, *repo.Repo) error) error {
	e, err := h.entry(repoID)
	if err != nil {
		return err
	}
	ctx, leave, err := e.enter(ctx, h.path(repoID))
	if err != nil {
		return err
	}
	defer leave()
	r, err := h.open(repoID)
	if err != nil {
		return err
	}
	err = do(ctx, e, r)
	if ended := context.Cause(ctx); err != nil && ended != nil {
		return fmt.Errorf("%w: %w", ended, err)
	}
	return err
}

func (h *Host) open(repoID int64) (*repo.Repo, error) {
	r, err := repo.Open(h.path(repoID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &rehome.Error{Code: rehome.NotFound, Message: "The repository is not on this host.", Err: err}
	}
	return r, err
}

// Dir returns the folder of a repository.
func (h *Host) Dir(repoID int64) string { return h.path(repoID) }
