package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/source"
	"rehome/internal/store"
	"rehome/internal/survey"
)

// savedFile is the file of a raw repository that says what is in it. It is written before the repository comes to its
// place: whatever rows say when a step was cut off there, the next one goes by this. A repository that has none is
// never added to.
const savedFile = "raw-facts"

// savedRaw is what savedFile says, as JSON.
type savedRaw struct {
	Facts  facts            `json:"facts"`
	From   string           `json:"from"`   // the source's URL, without what signs in there
	Choose source.RefChoice `json:"choose"` // by which its refs came
	Large  []savedLarge     `json:"large_files"`
	Depth  int              `json:"depth"` // of its trees in one another, at most
	People people           `json:"people"`
	Shape  []byte           `json:"shape,omitempty"` // within survey.Kept; none where it is not known
}

// savedLarge is a large file whose ref may hold any bytes.
type savedLarge struct {
	Ref  []byte          `json:"ref"`
	Path []byte          `json:"path"`
	OID  rehome.ObjectID `json:"oid"`
	Size int64           `json:"size"`
}

// maxRawPacks is how many packs a raw repository gets before it is fetched whole again, as one.
const maxRawPacks = 40

// rawBefore is a whole raw repository that a raw step adds to.
type rawBefore struct {
	savedRaw
	repo    *repo.Repo
	carried []store.LFSObject // that it points to and that were carried
}

// openBefore opens the raw repository at dir; nil where there is none that may be added to.
func openBefore(dir string) (*rawBefore, error) {
	b := &rawBefore{}
	text, err := os.ReadFile(filepath.Join(dir, savedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &b.savedRaw)
	}
	if err != nil {
		return nil, fmt.Errorf("read what is in the raw repository: %w", err)
	}
	if b.repo, err = repo.Open(dir); err != nil {
		return nil, fmt.Errorf("open raw repository: %w", err)
	}
	if b.carried, err = readCarried(dir); err != nil {
		return nil, err
	}
	packs, err := b.repo.PackNames()
	if err != nil || len(packs) > maxRawPacks {
		return nil, err
	}
	return b, nil
}

// serves reports whether a step that goes by these would have found in the repository what is known of it.
func (b *rawBefore) serves(q source.Request, o rawOptions) bool {
	_, missing := os.Stat(filepath.Join(b.repo.Dir(), carriedFile))
	if b.From != "" && b.From != q.Location.String() {
		return false
	}
	return b.Facts.LargeOver == o.LargeOver && reflect.DeepEqual(b.Choose, q.Choose) && (o.Store == nil || missing == nil)
}

// saveRaw writes down what a later step has to know to add to what was fetched into dir: saved, and what was found. carries
// says that Git LFS objects came along.
func saveRaw(dir string, got raw, saved savedRaw, carries bool) error {
	if carries {
		if err := saveCarried(dir, got); err != nil {
			return err
		}
	}
	saved.Depth, saved.People = got.found.Depth, got.people
	if got.found.Shape != nil {
		saved.Shape = encodeShape(got.found.Shape)
	}
	for _, f := range got.found.LargeFiles {
		saved.Large = append(saved.Large, savedLarge{[]byte(f.Ref), f.Path, f.OID, f.Size})
	}
	err := writeFile(filepath.Join(dir, savedFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(saved) })
	return errors.Join(err, repo.SyncDir(dir))
}

// distrust has the import's raw repository fetched whole the next time: something is wrong with it.
func (f *Folder) distrust(importID int64) error {
	err := os.Remove(filepath.Join(f.raw(importID), savedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// add gives found what was known before of the repository, but for identities: those are what came now. Pointers
// become those whose objects have to be looked for.
func (b *rawBefore) add(found *survey.Result) {
	known := b.Facts
	found.Commits += known.Commits
	found.Depth = max(found.Depth, b.Depth)
	for _, f := range b.Large {
		found.LargeFiles = append(found.LargeFiles, rehome.LargeFile{Ref: string(f.Ref), Path: f.Path, OID: f.OID, Size: f.Size})
	}
	slices.SortFunc(found.LargeFiles, func(a, b rehome.LargeFile) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(string(a.OID), string(b.OID)))
	})
	found.Warnings = addWarnings(known.Warnings, found.Warnings)
	found.Pointers = b.lookFor(found.Pointers)
	found.Shape = joinShape(b.Shape, found.Shape)
}

// addWarnings adds up warnings by kind. Those about Git LFS objects and the choice of refs are made anew each time.
func addWarnings(known, more []rehome.Warning) []rehome.Warning {
	var sum []rehome.Warning
	for _, w := range known {
		if w.Kind != rehome.WarnLFSPointer && !ofChoice(w) {
			sum = append(sum, w)
		}
	}
	for _, w := range more {
		at := slices.IndexFunc(sum, func(k rehome.Warning) bool { return k.Kind == w.Kind })
		if at < 0 {
			sum = append(sum, w)
			continue
		}
		sum[at].Count += w.Count
	}
	slices.SortFunc(sum, func(a, b rehome.Warning) int { return strings.Compare(a.Kind, b.Kind) })
	return sum
}

// lookFor returns what the new pointers name and those name that were missing, without what was carried, each id once
// and sorted by it.
func (b *rawBefore) lookFor(pointers []lfs.Object) []lfs.Object {
	if len(pointers) == 0 && len(b.Facts.LFS.Missing) == 0 {
		return nil
	}
	seen := make(map[string]bool, len(b.carried))
	for _, o := range b.carried {
		seen[o.OID] = true
	}
	var all []lfs.Object
	add := func(o lfs.Object) {
		if oid := o.OID.String(); !seen[oid] {
			seen[oid] = true
			all = append(all, o)
		}
	}
	for _, m := range b.Facts.LFS.Missing {
		if oid, err := lfs.ParseOID(m.OID); err == nil {
			add(lfs.Object{OID: oid, Size: m.Size})
		}
	}
	for _, o := range pointers {
		add(o)
	}
	slices.SortFunc(all, func(a, b lfs.Object) int { return slices.Compare(a.OID[:], b.OID[:]) })
	return all
}

// missing returns what is known of an object that was missing before.
func (b *rawBefore) missing(oid string) (rehome.MissingLFS, bool) {
	if b == nil {
		return rehome.MissingLFS{}, false
	}
	at := slices.IndexFunc(b.Facts.LFS.Missing, func(m rehome.MissingLFS) bool { return m.OID == oid })
	if at < 0 {
		return rehome.MissingLFS{}, false
	}
	return b.Facts.LFS.Missing[at], true
}
