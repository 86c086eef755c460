package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"rehome"
	"rehome/internal/rewrite"
	"rehome/internal/store"
	"rehome/internal/submodule"
)

// madeFile is the file of a final repository that says what became of large files and submodules.
const madeFile = "large-files"

// madeLarge is what a rewrite made of large files and submodules, as JSON in madeFile.
type madeLarge struct {
	Plan    largePlan         `json:"plan"`
	Files   int64             `json:"files"` // distinct ones
	Bytes   int64             `json:"bytes"`
	Objects []store.LFSObject `json:"objects"`       // that they became
	Removed [][]byte          `json:"removed_paths"` // any bytes
	Refs    [][]byte          `json:"removed_refs"`  // names, any bytes

	Submodules submodule.Changes `json:"submodules"`
}

func madeOf(p largePlan, r *rewrite.Result) madeLarge {
	made := madeLarge{Plan: p, Files: r.Large.Files, Bytes: r.Large.Bytes, Removed: r.Large.Removed, Submodules: r.Submodules}
	for _, o := range r.Large.Objects {
		made.Objects = append(made.Objects, store.LFSObject{OID: o.OID.String(), Size: o.Size})
	}
	for _, ref := range r.Refs {
		if ref.Removed {
			made.Refs = append(made.Refs, []byte(ref.Name))
		}
	}
	return made
}

// removes reports which refs are not published any more, by name.
func (m madeLarge) removes() map[string]bool {
	names := make(map[string]bool, len(m.Refs))
	for _, name := range m.Refs {
		names[string(name)] = true
	}
	return names
}

// paths are the removed ones as receipts have them, a list in any case.
func (m madeLarge) paths() rehome.RemovedPaths {
	all := make([]string, 0, len(m.Removed))
	for _, p := range m.Removed {
		all = append(all, string(p))
	}
	listed := rehome.NewRemovedPaths(all)
	listed.Removed = list(listed.Removed)
	return listed
}

// readMade reads what a final repository says; of one from before there was such a file,
// nothing was made.
func readMade(dir string) (made madeLarge, err error) {
	err = readJSON(filepath.Join(dir, madeFile), &made)
	return made, err
}

// carriedFile is the file of a raw repository that lists the Git LFS objects which came with it.
const carriedFile = "lfs-objects"

// saveCarried writes down which objects came with what was fetched into dir.
func saveCarried(dir string, got raw) error {
	missing := make(map[string]bool, len(got.lfs.Missing))
	for _, m := range got.lfs.Missing {
		missing[m.OID] = true
	}
	var came []store.LFSObject
	if got.before != nil {
		came = slices.Clone(got.before.carried)
	}
	for _, o := range got.found.Pointers {
		if oid := o.OID.String(); !missing[oid] {
			came = append(came, store.LFSObject{OID: oid, Size: o.Size})
		}
	}
	return writeFile(filepath.Join(dir, carriedFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(came) })
}

func readCarried(dir string) (came []store.LFSObject, err error) {
	err = readJSON(filepath.Join(dir, carriedFile), &came)
	return came, err
}

// readJSON reads a file of ours; one that is not there says nothing.
func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return nil
}
