package cage

import (
	"os"
	"path/filepath"
	"time"
)

// Limits of a child, besides those that limit sets.
const (
	baseMemory = 1 << 30         // for buffers, threads and their windows: settings keep these below it
	perObject  = 512             // of memory, for each object of the repository: pack-objects takes 400 bytes
	anyMemory  = 8 << 30         // where it is not known how many objects there are
	maxScratch = 256 << 20       // of a file upload-pack writes: none but the list of a client's shallow commits
	grace      = 5 * time.Second // for clearing away lock files, once told to end
	wall       = 24 * time.Hour  // no honest transfer takes longer
	maxSaid    = 4 << 10         // kept of standard error, bytes
	maxThreads = 4
)

// maxFile bounds a file the child writes, bytes.
func (c Command) maxFile() int64 {
	if c.Program == ReceivePack {
		return c.MaxInput
	}
	return maxScratch
}

// memory bounds what a process may have of its own, bytes. What receive-pack gets is checked with all of it in mind, and may
// be as large as what is there: it has twice the base.
func (c Command) memory() int64 {
	switch {
	case c.Mode == Session:
		return anyMemory
	case c.Program == ReceivePack:
		return 2*baseMemory + perObject*objectsIn(c.Dir)
	}
	return baseMemory + perObject*objectsIn(c.Dir)
}

// objectsIn returns how many objects the packs of a repository have, or somewhat more, by the size of their indexes.
func objectsIn(dir string) (n int64) {
	folder := filepath.Join(dir, "objects", "pack")
	entries, _ := os.ReadDir(folder) // one that is not there has none
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".idx" {
			continue
		}
		if st, err := e.Info(); err == nil {
			n += st.Size() / bytesOfEntry
		}
	}
	return n
}

// bytesOfEntry is the least an object takes in an index.
const bytesOfEntry = 20 + 4 + 4
