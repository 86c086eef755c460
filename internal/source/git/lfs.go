package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/lfs"
	"rehome/internal/lfs/transfer"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// FetchLFS implements source.Source. Objects of a URL come from where its .lfsconfig says, else from the place
// that git-lfs looks at (git-lfs docs/api/server-discovery.md); those of a path from its own store, and what is
// not there from where its .lfsconfig says.
func (g *Git) FetchLFS(ctx context.Context, r source.LFSRequest) (source.LFSResult, error) {
	res, err := g.fetchLFS(ctx, r)
	if err == nil {
		res.Why = remote.Discreet(r.Location, res.Why)
		return res, nil
	}
	return source.LFSResult{}, g.explain(ctx, r.Location, err, false)
}

func (g *Git) fetchLFS(ctx context.Context, r source.LFSRequest) (res source.LFSResult, err error) {
	res.Missing = r.Objects
	if r.URL == nil {
		if res, err = g.copyLFS(ctx, r); err != nil || len(res.Missing) == 0 {
			return res, err
		}
	}
	o, err := g.download(ctx, r)
	if err != nil {
		return g.without(res, r, err)
	}
	if o.Endpoint == nil { // a path, and nothing says more
		return res, nil
	}
	got, err := g.bring(ctx, r, o, res.Missing)
	if err == nil && len(got.Missing) > 0 {
		got.Why = besides(res.Why, got.Why)
	}
	return source.LFSResult{Missing: got.Missing, Wrong: stillWrong(res.Wrong, got), Why: got.Why}, err
}

// stillWrong are those that a server has other bytes for, and those of a path's store that it does not have either.
func stillWrong(store []lfs.Object, server transfer.Result) []lfs.Object {
	all := server.Wrong
	for _, o := range store {
		if slices.Contains(server.Missing, o) && !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b lfs.Object) int { return bytes.Compare(a.OID[:], b.OID[:]) })
	return all
}

// bring downloads objects. A grant over SSH that has run out meanwhile is asked for again.
func (g *Git) bring(ctx context.Context, r source.LFSRequest, o transfer.Options, objects []lfs.Object) (transfer.Result, error) {
	var mu sync.Mutex
	came := map[lfs.OID]bool{} // guarded by mu
	o.Done = func(one lfs.Object) {
		mu.Lock()
		came[one.OID] = true
		mu.Unlock()
		if r.Done != nil {
			r.Done(one)
		}
	}
	download := transfer.Download
	if g.peer == transport.Destination {
		download = transfer.ReadBack
	}
	for {
		before := len(came)
		got, err := download(ctx, o, objects)
		if !errors.Is(err, transfer.ErrGrant) || len(came) == before {
			return got, err
		}
		grant, err := g.transport.LFSGrant(ctx, r.Location, transport.Download)
		if err != nil {
			return got, err
		}
		o.Endpoint, o.Header = grant.Endpoint, grant.Header
		objects = slices.DeleteFunc(slices.Clone(objects), func(one lfs.Object) bool { return came[one.OID] })
	}
}

// download says how objects come from a server.
func (g *Git) download(ctx context.Context, r source.LFSRequest) (transfer.Options, error) {
	o := transfer.Options{
		Client: g.client, Agent: g.transport.Agent(), Store: r.Store, Workers: r.Workers, Sleep: g.sleep,
		Bytes: r.Bytes, AllowMissing: r.AllowMissing,
	}
	var err error
	if o.Endpoint, o.Configured, err = endpoint(r); err != nil {
		return o, err
	}
	if o.Endpoint == nil && r.SSH() {
		grant, err := g.transport.LFSGrant(ctx, r.Location, transport.Download)
		o.Endpoint, o.Header = grant.Endpoint, grant.Header
		return o, err
	}
	o.Foreign = r.URL == nil || o.Endpoint == nil || !egress.SameOrigin(r.URL, o.Endpoint)
	if !o.Foreign {
		o.Username, o.Password = r.Username, r.Password
	}
	return o, nil
}

// without is what comes of it when no server is found: what is missing stays so. One that cannot be asked fails the
// whole.
func (*Git) without(res source.LFSResult, r source.LFSRequest, err error) (source.LFSResult, error) {
	switch rehome.CodeOf(err) {
	case rehome.Cancelled, rehome.DiskFull:
		return res, err
	case rehome.Unreachable, rehome.BlockedByPolicy:
		if !r.AllowMissing {
			return res, err
		}
	}
	res.Why = besides(res.Why, err)
	return res, nil
}

// besides adds what a server said to why a path's own store had not all of what is missing now, if there was one.
func besides(store, server error) error {
	var first, second *rehome.Error
	if !errors.As(store, &first) {
		return server
	}
	if !errors.As(server, &second) {
		return &rehome.Error{Code: first.Code, Message: first.Message, Hint: first.Hint, Err: errors.Join(server, store)}
	}
	return &rehome.Error{Code: second.Code, Message: first.Message + " " + second.Message, Hint: second.Hint, Err: errors.Join(server, store)}
}

// endpoint returns the URL of the Git LFS API, nil when there is none, and whether .lfsconfig says it.
func endpoint(r source.LFSRequest) (at *url.URL, said bool, err error) {
	text, err := configured(r)
	if err != nil {
		return nil, false, fmt.Errorf("find Git LFS server: %w", err)
	}
	if text != "" {
		at, err = parseEndpoint(text)
		return at, true, err
	}
	if r.URL == nil || r.SSH() { // SSH has to be asked
		return nil, false, nil
	}
	return r.LFS(), false, nil
}

// configured is what .lfsconfig of the default branch says.
func configured(r source.LFSRequest) (string, error) {
	if r.Repo == nil {
		return "", nil
	}
	refs, err := r.Repo.Refs()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(refs, func(ref repo.Ref) bool { return ref.Name == r.Head })
	if i < 0 {
		return "", nil
	}
	objects, err := r.Repo.Objects()
	if err != nil {
		return "", err
	}
	defer objects.Close()
	return objects.LFSConfig(refs[i].ID)
}

// parseEndpoint reads a URL of a .lfsconfig. Somebody who may write to the source wrote it: it must be http or
// https, and credentials in it are not used.
func parseEndpoint(text string) (*url.URL, error) {
	l, err := remote.Parse("vcs_url", text)
	if err != nil || !l.HTTP() {
		return nil, fmt.Errorf("the .lfsconfig of the source names %q, which is no http or https URL", rehome.Clean(withoutUser(text), maxText))
	}
	l.URL.Path, l.URL.RawPath = strings.TrimRight(l.URL.Path, "/"), strings.TrimRight(l.URL.RawPath, "/")
	return l.URL, nil
}

// withoutUser takes what may be credentials out of what may be a URL.
func withoutUser(text string) string {
	before, after, ok := strings.Cut(text, "://")
	at := strings.LastIndexByte(after, '@')
	if !ok || at < 0 {
		return text
	}
	return before + "://" + after[at+1:]
}

// copiers is how many objects are copied at a time. Most of them wait for the disk, which gets through many as
// quickly as through one.
const copiers = 64

// copyLFS takes objects out of the Git LFS store of a repository on this machine.
func (g *Git) copyLFS(ctx context.Context, r source.LFSRequest) (res source.LFSResult, err error) {
	folder, err := lfsFolder(r.Path)
	if err != nil {
		return source.LFSResult{Missing: r.Objects, Why: err}, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	why := map[lfs.OID]error{} // guarded by mu, as res.Missing
	todo := make(chan lfs.Object)
	var wg sync.WaitGroup
	for range min(copiers, len(r.Objects)) {
		wg.Go(func() {
			for o := range todo {
				lacks, err := copyObject(ctx, r, folder, o)
				if err != nil {
					stop(err)
				}
				if lacks != nil {
					mu.Lock()
					res.Missing = append(res.Missing, o)
					why[o.OID] = lacks
					if wrong := (*lfs.MismatchError)(nil); errors.As(lacks, &wrong) {
						res.Wrong = append(res.Wrong, o)
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, o := range r.Objects {
		if ctx.Err() != nil {
			break
		}
		todo <- o
	}
	close(todo)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return source.LFSResult{}, err
	}
	for _, list := range [][]lfs.Object{res.Missing, res.Wrong} {
		slices.SortFunc(list, func(a, b lfs.Object) int { return bytes.Compare(a.OID[:], b.OID[:]) })
	}
	if len(res.Missing) > 0 {
		res.Why = lookedIn(folder, why[res.Missing[0].OID])
	}
	return res, nil
}

// maxFolder bounds the name of a folder in a message, in bytes: it is of no use without its end.
const maxFolder = 4096

// lookedIn says where a path's objects were looked for.
func lookedIn(folder string, why error) error {
	return &rehome.Error{
		Code: rehome.LFSMissing, Err: why,
		Message: fmt.Sprintf("The folder looked in is %s; lfs.storage and alternates are not followed.", rehome.Clean(folder, maxFolder)),
		Hint:    "Bring them there (git lfs fetch --all) and try again.",
	}
}

// lfsFolder is where the repository that git finds at path keeps its Git LFS objects.
func lfsFolder(path string) (string, error) {
	path, err := transport.RealPath(path)
	if err != nil {
		return "", err
	}
	r, err := repo.OpenClone(path)
	if err != nil {
		return "", err
	}
	return filepath.Join(r.Dir(), "lfs", "objects"), nil
}

// copyObject brings one object; lacks says why it cannot be had there.
func copyObject(ctx context.Context, r source.LFSRequest, folder string, o lfs.Object) (lacks, err error) {
	hex := o.OID.String()
	err = r.Store.TakeFile(ctx, o, filepath.Join(folder, hex[:2], hex[2:4], hex))
	var wrong *lfs.MismatchError
	switch {
	case errors.Is(err, lfs.ErrNoFile):
		return fmt.Errorf("its folder has no object %s", hex), nil
	case errors.As(err, &wrong):
		return wrong, nil
	case err != nil:
		return nil, err
	}
	if r.Bytes != nil {
		r.Bytes(o.Size)
	}
	if r.Done != nil {
		r.Done(o)
	}
	return nil, nil
}
