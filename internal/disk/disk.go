// Package disk makes and changes files, and lets tests have it fail as disks do.
//
// What Rehome keeps is written through it: repositories, the bucket, work in progress. Each change counts: a test can have the nth one
// fail for want of space or with an error of the device, or end the process in front of it.
package disk

import (
	"io"
	"os"
	"sync/atomic"
)

// Op is a kind of change.
type Op string

// The kinds of changes that Fail is asked about.
const (
	Create Op = "create"
	Write  Op = "write"
	Sync   Op = "sync"
	Rename Op = "rename"
	Link   Op = "link"
	Mkdir  Op = "mkdir"
)

var ask atomic.Pointer[func(Op, string) error]

// Fail has every change asked about before it is made, and fail with the error that comes back; nil ends that. A write that
// fails has written half of its bytes before, as on a disk that is full. Only tests call it.
func Fail(before func(op Op, path string) error) {
	if before == nil {
		ask.Store(nil)
		return
	}
	ask.Store(&before)
}

// Before asks about a change that is made in another way than by the functions here, in front of it.
func Before(op Op, path string) error {
	if f := ask.Load(); f != nil {
		if err := (*f)(op, path); err != nil {
			return &os.PathError{Op: string(op), Path: path, Err: err}
		}
	}
	return nil
}

// File is an open file whose changes count.
type File struct{ *os.File }

// OpenFile is os.OpenFile.
func OpenFile(name string, flag int, mode os.FileMode) (*File, error) {
	if flag&os.O_CREATE != 0 {
		if err := Before(Create, name); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// CreateFile is os.Create.
func CreateFile(name string) (*File, error) {
	return OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// CreateTemp is os.CreateTemp.
func CreateTemp(dir, pattern string) (*File, error) {
	if err := Before(Create, dir); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// WriteFile is os.WriteFile.
func WriteFile(name string, text []byte, mode os.FileMode) error {
	f, err := OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// Write is os.File's.
func (f *File) Write(b []byte) (int, error) {
	if err := Before(Write, f.Name()); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

// WriteAt is os.File's.
func (f *File) WriteAt(b []byte, at int64) (int, error) {
	if err := Before(Write, f.Name()); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return f.File.WriteAt(b, at)
}

// WriteString is os.File's.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// ReadFrom is os.File's, which may have the system copy.
func (f *File) ReadFrom(r io.Reader) (int64, error) {
	if ask.Load() != nil {
		return io.Copy(struct{ io.Writer }{f}, r)
	}
	return f.File.ReadFrom(r)
}

// Sync is os.File's.
func (f *File) Sync() error {
	if err := Before(Sync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

// Truncate is os.File's.
func (f *File) Truncate(size int64) error {
	if err := Before(Write, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Move is os.Rename.
func Move(from, to string) error {
	if err := Before(Rename, to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Share is os.Link.
func Share(from, to string) error {
	if err := Before(Link, to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// MakeFolder is os.Mkdir.
func MakeFolder(name string, mode os.FileMode) error {
	if err := Before(Mkdir, name); err != nil {
		return err
	}
	return os.Mkdir(name, mode)
}

// MakeFolders is os.MkdirAll.
func MakeFolders(name string, mode os.FileMode) error {
	if err := Before(Mkdir, name); err != nil {
		return err
	}
	return os.MkdirAll(name, mode)
}
