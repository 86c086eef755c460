package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/object"
)

// Loose iterates over the ids of the commits and tags that are loose objects, here and in alternates,
// in no order; some may be in packs as well, or come twice. Only the beginning of each is read: damaged ones
// are passed over, whoever needs one learns of it. After an error it ends.
func (o *Objects) Loose() iter.Seq2[object.ID, error] {
	return func(yield func(object.ID, error) bool) {
		var begin beginning
		for _, folder := range o.folders {
			for first := range 256 {
				if !o.looseIn(folder, fmt.Sprintf("%02x", first), &begin, yield) {
					return
				}
			}
		}
	}
}

// looseIn is Loose for the ids with the same first byte, in one folder of objects. False ends it all.
func (o *Objects) looseIn(folder, first string, begin *beginning, yield func(object.ID, error) bool) bool {
	entries, err := os.ReadDir(filepath.Join(folder, first))
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		yield(object.ID{}, fmt.Errorf("list loose objects: %w", err))
		return false
	}
	for _, e := range entries {
		id, err := object.ParseID(first + e.Name())
		if err != nil || id.Format() != o.repo.format {
			continue
		}
		t, err := begin.looseType(filepath.Join(folder, first, e.Name()))
		if err != nil {
			yield(object.ID{}, fmt.Errorf("read loose object %s: %w", id, err))
			return false
		}
		if (t == object.Commit || t == object.Tag) && !yield(id, nil) {
			return false
		}
	}
	return true
}

// beginning reads the first bytes of loose objects. The zero value is ready.
type beginning struct {
	stored   [128]byte // of a file: enough for the header to come out
	inflated [32]byte
	zlib     io.ReadCloser
}

// looseType returns the type of the loose object in a file, 0 when it is damaged or gone.
func (b *beginning) looseType(path string) (object.Type, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.ReadFull(f, b.stored[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, err
	}
	in := bytes.NewReader(b.stored[:n])
	if b.zlib == nil {
		b.zlib, err = zlib.NewReader(in)
	} else {
		err = b.zlib.(zlib.Resetter).Reset(in, nil)
	}
	if err != nil {
		b.zlib = nil
		return 0, nil
	}
	n, _ = io.ReadFull(b.zlib, b.inflated[:]) // the stream may be cut off behind what matters
	name, _, _ := bytes.Cut(b.inflated[:n], []byte{' '})
	t, err := object.ParseType(string(name))
	if err != nil {
		return 0, nil
	}
	return t, nil
}

// readLoose reads a loose object: a zlib stream of "type size\0" and the object's bytes.
func (o *Objects) readLoose(id object.ID) (object.Type, []byte, error) {
	f, err := o.openLoose(id)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, ErrNoObject
	}
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	z, err := zlib.NewReader(f)
	if err != nil {
		return 0, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, readLimit))
	if err != nil {
		return 0, nil, err
	}
	return object.ParseLoose(data)
}

// openLoose opens the file of a loose object.
func (o *Objects) openLoose(id object.ID) (*os.File, error) {
	for _, folder := range o.folders {
		f, err := os.Open(loosePath(folder, id))
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, fs.ErrNotExist
}

func (o *Objects) hasLoose(id object.ID) bool {
	for _, folder := range o.folders {
		if _, err := os.Lstat(loosePath(folder, id)); err == nil {
			return true
		}
	}
	return false
}

func loosePath(folder string, id object.ID) string {
	hex := id.String()
	return filepath.Join(folder, hex[:2], hex[2:])
}
