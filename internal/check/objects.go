package check

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// hasher hashes as Git does. It looks for damage and not for malice, so it does without collision detection.
type hasher struct{ hash.Hash }

func hashOf(f object.Format) hasher {
	if f == object.SHA256 {
		return hasher{sha256.New()}
	}
	return hasher{sha1.New()}
}

// of reports whether data has that hash.
func (h hasher) of(data, want []byte) bool {
	h.Reset()
	h.Write(data)
	return bytes.Equal(h.Sum(nil), want)
}

// begin starts an object.
func (h hasher) begin(t object.Type, size int64) {
	h.Reset()
	io.WriteString(h, t.String()+" "+strconv.FormatInt(size, 10)+"\x00")
}

// link is an object that another leads to.
type link struct{ from, to object.ID }

// fileID is what tells files apart, whatever they are called.
type fileID struct{ device, number uint64 }

// verdict is what reading a pack showed.
type verdict struct {
	wrong string // "" for nothing
	links []link // to objects that are not in the pack itself
	count int64
}

// streamed is from what size on a blob is not held in memory, bytes.
const streamed = 32 << 20

// mostLinks bounds what is remembered of a pack that other repositories may share.
const mostLinks = 1 << 20

// read inflates and hashes every object, and follows what refs lead to, if that is asked for.
func (w *walk) read(ctx context.Context) error {
	if !w.c.ReadData {
		return nil
	}
	var broken []link
	for name, p := range w.objects.Named() {
		v, err := w.verdict(ctx, name, p)
		if err != nil {
			return err
		}
		if v.wrong != "" {
			w.l.add(Damage, "pack", "%s: %s", name, v.wrong)
		}
		broken = append(broken, w.unmet(v.links)...)
	}
	loose, err := w.loose(ctx)
	if err != nil {
		return err
	}
	broken = append(broken, w.unmet(loose)...)
	if len(broken) == 0 {
		return nil // every object has what it leads to, so all that refs lead to is there
	}
	return w.reachable(ctx, broken)
}

// unmet returns the links that lead nowhere.
func (w *walk) unmet(links []link) (broken []link) {
	for _, l := range links {
		if !w.objects.Has(l.to) {
			broken = append(broken, l)
		}
	}
	return broken
}

// verdict reads a pack, unless that was done in another repository which shares its file.
func (w *walk) verdict(ctx context.Context, name string, p *pack.Pack) (*verdict, error) {
	path := filepath.Join(w.repo.Dir(), "objects", "pack", name+".pack")
	id, known := idOf(path)
	if v := w.c.verdicts[id]; known && v != nil {
		return v, nil
	}
	v := &verdict{}
	err := w.readPack(ctx, path, p, v)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		v.wrong = err.Error()
	}
	w.c.result.Objects += v.count
	if known && v.wrong == "" && len(v.links) < mostLinks {
		w.c.verdicts[id] = v
	}
	return v, nil
}

func idOf(path string) (fileID, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, false
	}
	return fileID{uint64(st.Dev), st.Ino}, true
}

// readPack compares a pack with the hash it ends with, and every object in it with its id.
func (w *walk) readPack(ctx context.Context, path string, p *pack.Pack, v *verdict) error {
	if err := w.trailer(ctx, path); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may go while it is read
		return err
	}
	f, err := p.Forest(ctx, repo.Scratch(os.TempDir()))
	if err != nil {
		return err
	}
	defer f.Close()
	r := reading{forest: f, pack: p, format: w.repo.Format(), v: v, hashers: make([]hasher, compute.Processors())}
	for n := range r.hashers {
		r.hashers[n] = hashOf(r.format)
	}
	every := []object.Type{object.Commit, object.Tree, object.Blob, object.Tag}
	o := pack.WalkOptions{Types: every, Workers: len(r.hashers), Held: streamed}
	return f.Walk(ctx, o, func(made *pack.Object) error { return r.object(ctx, made) })
}

func (w *walk) trailer(ctx context.Context, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	n := w.repo.Format().Size()
	sum, body := hashOf(w.repo.Format()), io.LimitReader(in, info.Size()-int64(n))
	for err == nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_, err = io.CopyN(sum, body, 64<<20)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	want := make([]byte, n)
	if _, err := io.ReadFull(in, want); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return errors.New("its bytes are not what was written: its hash is another")
	}
	return nil
}

// reading is a pack on its way through memory.
type reading struct {
	forest  *pack.Forest
	pack    *pack.Pack
	format  object.Format
	hashers []hasher // of each worker

	mu sync.Mutex
	v  *verdict // guarded by mu
}

func (r *reading) object(ctx context.Context, made *pack.Object) error {
	h := r.hashers[made.Worker]
	h.begin(made.Type, made.Size)
	if made.Data == nil && made.Size > 0 {
		if err := r.forest.Stream(ctx, int(made.Pos), h); err != nil {
			return err
		}
	} else {
		h.Write(made.Data)
	}
	if !bytes.Equal(h.Sum(nil), made.ID.Bytes()) {
		return fmt.Errorf("the %s %s is not what its id says", made.Type, made.ID)
	}
	var out []link
	for _, to := range linksOf(made.Type, r.format, made.Data) {
		if _, ok := r.pack.Index.Find(to); !ok {
			out = append(out, link{made.ID, to})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.v.count++
	r.v.links = append(r.v.links, out...)
	return nil
}

// mostLoose bounds an object that lies in a file of its own, bytes.
const mostLoose = 1 << 30

// loose reads the objects that are in no pack.
func (w *walk) loose(ctx context.Context) (links []link, err error) {
	folder := filepath.Join(w.repo.Dir(), "objects")
	h := hashOf(w.repo.Format())
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() && path != folder && len(d.Name()) != 2 {
			return fs.SkipDir
		}
		id, err := object.ParseID(filepath.Base(filepath.Dir(path)) + d.Name())
		if err != nil || d.IsDir() || id.Format() != w.repo.Format() {
			return nil //nolint:nilerr // no object
		}
		t, data, err := readLoose(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		w.c.result.Objects++
		if h.begin(t, int64(len(data))); err == nil && !h.is(data, id) {
			err = errors.New("it is not what its id says")
		}
		if err != nil {
			w.l.add(Damage, "object", "loose object %s: %v", id, err)
			return nil
		}
		for _, to := range linksOf(t, w.repo.Format(), data) {
			links = append(links, link{id, to})
		}
		return nil
	})
	return links, err
}

func (h hasher) is(data []byte, id object.ID) bool {
	h.Write(data)
	return bytes.Equal(h.Sum(nil), id.Bytes())
}

func readLoose(path string) (object.Type, []byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer in.Close()
	z, err := zlib.NewReader(in)
	if err != nil {
		return 0, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, mostLoose))
	if err != nil {
		return 0, nil, err
	}
	return object.ParseLoose(data)
}

// reachable tells of those links that refs lead to. What nothing leads to may be incomplete.
func (w *walk) reachable(ctx context.Context, broken []link) error {
	missing := map[object.ID]bool{}
	for _, l := range broken {
		missing[l.from] = true
	}
	seen, next := map[object.ID]bool{}, append([]object.ID{}, w.tips...)
	for len(next) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		id := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		t, err := w.objects.Type(id)
		if err != nil || t == object.Blob {
			continue // what is damaged was told
		}
		_, data, err := w.objects.Read(id)
		if err != nil {
			continue
		}
		for _, to := range linksOf(t, id.Format(), data) {
			if !w.objects.Has(to) && missing[id] {
				w.l.add(Damage, "missing_object", "%s %s leads to %s, which is not there", t, id, to)
			}
			next = append(next, to)
		}
	}
	return nil
}
