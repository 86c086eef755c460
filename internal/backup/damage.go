package backup

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// measure reads a file that is called name in the backup. What says by its name, or by its end, what its bytes are is held against that: e.Damaged
// is what came of it.
func measure(path, name string) (e entry, err error) {
	e.Name = name
	in, err := os.Open(path)
	if err != nil {
		return e, err
	}
	defer in.Close()
	sum, t := sha256.New(), newTrailer(name)
	e.Size, err = io.Copy(io.MultiWriter(sum, t), in)
	if err != nil {
		return e, err
	}
	e.Sum = hex.EncodeToString(sum.Sum(nil))
	base := filepath.Base(name)
	kept, isKept := strings.CutPrefix(base, "s-")
	loose := looseID(name)
	switch {
	case strings.HasPrefix(name, lfsFolder+"/") && base != e.Sum, strings.HasPrefix(name, bucketFolder+"/") && isKept && kept != e.Sum:
		e.Damaged = "its bytes have the SHA-256 " + e.Sum
	case !t.fits(strings.TrimPrefix(base, "t-")):
		e.Damaged = "its bytes are not what was written: its hash is another"
	case loose != "":
		e.Damaged = looseDamage(path, loose)
	}
	return e, nil
}

// trailer takes a file that ends with the hash of all before: a pack or its index (gitformat-pack). With a nil hash it is about none.
type trailer struct {
	hash.Hash
	last []byte // that came and may be the end
	kept bool   // the file is called as it ends
}

// newTrailer knows by the name of a file which hash it ends with, if any.
func newTrailer(name string) *trailer {
	base, t := filepath.Base(name), &trailer{}
	digits, kept := strings.CutPrefix(base, "t-")
	switch ext := filepath.Ext(base); {
	case strings.HasPrefix(name, bucketFolder+"/") && kept:
		t.kept = true
	case ext == ".pack" || ext == ".idx":
		digits = strings.TrimSuffix(strings.TrimPrefix(base, "pack-"), ext)
	default:
		return t
	}
	if _, err := hex.DecodeString(digits); err != nil {
		return t
	}
	switch len(digits) {
	case 2 * sha1.Size:
		t.Hash = sha1.New()
	case 2 * sha256.Size:
		t.Hash = sha256.New()
	}
	return t
}

// Write is io.Writer's.
func (t *trailer) Write(p []byte) (int, error) {
	if t.Hash == nil {
		return len(p), nil
	}
	n := t.Size()
	if len(p) >= n {
		t.Hash.Write(t.last)
		t.Hash.Write(p[:len(p)-n])
		t.last = append(t.last[:0], p[len(p)-n:]...)
		return len(p), nil
	}
	t.last = append(t.last, p...)
	if more := len(t.last) - n; more > 0 {
		t.Hash.Write(t.last[:more])
		t.last = append(t.last[:0], t.last[more:]...)
	}
	return len(p), nil
}

// fits reports whether the file ends with its hash, and is called so where it has to be.
func (t *trailer) fits(digits string) bool {
	return t.Hash == nil || bytes.Equal(t.Sum(nil), t.last) && (!t.kept || hex.EncodeToString(t.last) == digits)
}

// looseID is the id of a loose object by its name in a backup, "" for what is none.
func looseID(name string) string {
	above, base := filepath.Split(name)
	root, folder := filepath.Split(strings.TrimSuffix(above, "/"))
	id := folder + base
	if _, err := hex.DecodeString(id); err != nil || len(folder) != 2 || !strings.HasSuffix(root, "/objects/") {
		return ""
	}
	return id
}

// looseDamage says what is wrong with a loose object, "" for nothing.
func looseDamage(path, id string) string {
	var h hash.Hash
	switch len(id) {
	case 2 * sha1.Size:
		h = sha1.New()
	case 2 * sha256.Size:
		h = sha256.New()
	default:
		return ""
	}
	in, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer in.Close()
	z, err := zlib.NewReader(in)
	if err == nil {
		_, err = io.Copy(h, z)
	}
	if err == nil && hex.EncodeToString(h.Sum(nil)) != id {
		err = errors.New("it is not what its id says")
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// names are those of repositories, as owner/name, by which people know what is in a backup.
type names struct{ repositories, imports map[int64]string }

// of says in words what a file of the backup, or a key in the bucket, is part of.
func (n names) of(name string) string {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(name, bucketFolder+"/"), "/")
	first, _, _ := strings.Cut(rest, "/")
	switch kind {
	case lfsFolder:
		return "the Git LFS object " + filepath.Base(name)
	case "host":
		if id, err := strconv.ParseInt(strings.TrimSuffix(first, ".git"), 10, 64); err == nil && n.repositories[id] != "" {
			return fmt.Sprintf("%s (%s)", n.repositories[id], name)
		}
	case "raw", "final", "pushed", "imports":
		if id, err := strconv.ParseInt(first, 10, 64); err == nil {
			return fmt.Sprintf("%s (%s)", n.imported(id), name)
		}
	}
	return name
}

// imported says which import has an id.
func (n names) imported(id int64) string {
	if n.imports[id] == "" {
		return fmt.Sprintf("import %d", id)
	}
	return fmt.Sprintf("import %d of %s", id, n.imports[id])
}
