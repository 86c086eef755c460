package storetest

import (
	"errors"
	"testing"
	"time"

	"rehome"
	"rehome/internal/store"
)

// dirty is what others may send where text is expected.
const dirty = "a\x00b\xffc"

// What others say is kept as far as it is text, and never an error.
func testForeignTexts(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	newImport(t, db, r.ID)
	i := change(t, db, r.ID, func(i *store.Import) {
		i.State = rehome.State{
			Status: rehome.Failed, FailedStep: rehome.StepRaw, Note: dirty, Choices: []rehome.ProjectChoice{{VCS: rehome.Git, HumanName: dirty}},
			Err: &rehome.Error{Code: rehome.Unreachable, Message: dirty, Hint: dirty},
		}
		i.Source.TFVCProject, i.Options.DefaultBranch, i.Options.Refs = dirty, dirty, dirty
	})
	got, err := db.ImportByID(ctx, i.ID)
	must(t, err)
	if clean := rehome.Clean(got.State.Note, 100); got.State.Note == "" || clean[:1] != "a" || clean[len(clean)-1:] != "c" {
		t.Errorf("note %q", got.State.Note)
	}
	must(t, db.Pushed(ctx, r.ID, time.UnixMilli(1), dirty))
	_, err = db.ChangeRepository(ctx, r.ID, func(r *rehome.Repository) { r.Description = dirty })
	must(t, err)
	setDestination(t, db, store.Destination{RepositoryID: r.ID, Destination: rehome.Destination{URL: dirty}})

	d := newDelivery(t, db, newHook(t, db, aHook(r.ID, "https://new.example/"+dirty)).ID)
	claimed, _ := claim(t, db, d, time.Hour)
	claimed.URL, claimed.Answer.Text, claimed.ResponseBody = dirty, dirty, []byte(dirty)
	claimed.ResponseHeaders = map[string]string{dirty: dirty}
	must(t, db.FinishDelivery(ctx, claimed, -1))
	told, err := db.Delivery(ctx, claimed.HookID, d)
	must(t, err)
	if string(told.ResponseBody) != dirty || len(told.ResponseHeaders) != 1 {
		t.Errorf("answer: %q, %q", told.ResponseBody, told.ResponseHeaders)
	}
	for _, err := range []error{errOf(db.OwnerByLogin(ctx, dirty)), errOf(db.Repository(ctx, dirty, dirty))} {
		wantCode(t, err, rehome.NotFound)
	}
}

func errOf[T any](_ T, err error) error { return err }

// Names of people, refs and files are bytes, and as long as somebody made them.
func testForeignNames(t *testing.T, db *store.DB) {
	ctx := t.Context()
	r := newRepository(t, db, "octocat", "one")
	newImport(t, db, r.ID)
	long := make([]byte, 20_000) // does not compress: an index would refuse it
	state := uint32(1)
	for n := range long {
		state = state*1664525 + 1013904223
		long[n] = byte(state >> 24)
	}
	author := rehome.Author{RemoteName: long, RemoteMail: []byte(dirty), Name: string(long), Email: dirty}
	ref := store.WrittenRef{Name: string(long), Wrote: "aa"}
	file := rehome.LargeFile{Ref: dirty, Path: long, OID: "bb", Size: 1}
	for range 2 { // the second time they are known
		change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, i *store.Import) error {
			_, err := tx.AddAuthors(ctx, i, []rehome.Author{author, author})
			return errors.Join(err, tx.SetWritten(ctx, r.ID, []store.WrittenRef{ref, ref}), tx.SetLargeFiles(ctx, i, []rehome.LargeFile{file}))
		})
	}
	i, err := db.ImportOf(ctx, r.ID)
	must(t, err)
	authors, err := db.Authors(ctx, i.ID, 0, 0)
	must(t, err)
	if len(authors) != 1 || i.Found.Authors != 1 || string(authors[0].RemoteName) != string(long) || authors[0].Name != string(long) || authors[0].Email != dirty {
		t.Errorf("authors: %d, %d", len(authors), i.Found.Authors)
	}
	refs, err := db.WrittenRefs(ctx, r.ID)
	must(t, err)
	if len(refs) != 1 || refs[string(long)].Wrote != "aa" {
		t.Errorf("%d written refs", len(refs))
	}
	files, err := db.LargeFiles(ctx, i.ID, 0, 0)
	must(t, err)
	if len(files) != 1 || files[0].Ref != dirty || string(files[0].Path) != string(long) {
		t.Errorf("%d large files", len(files))
	}
	change(t, db, r.ID, func(*store.Import) {}, func(tx *store.Tx, _ *store.Import) error {
		authors[0].Name = "a\xfe"
		return errors.Join(tx.MapAuthors(ctx, i.ID, authors), tx.DropWritten(ctx, r.ID, []string{string(long)}))
	})
	if authors, err = db.Authors(ctx, i.ID, 0, 0); err != nil || authors[0].Name != "a\xfe" {
		t.Errorf("mapped: %q, %v", authors[0].Name, err)
	}
	if refs, err = db.WrittenRefs(ctx, r.ID); err != nil || len(refs) != 0 {
		t.Errorf("once dropped: %d, %v", len(refs), err)
	}
}

func testKept(t *testing.T, db *store.DB) {
	r := newRepository(t, db, "octocat", "one")
	if i := newImport(t, db, r.ID); i.Kept != (store.Kept{}) || i.Place != 0 {
		t.Errorf("at first: %+v, %d", i.Kept, i.Place)
	}
	want := store.Kept{Raw: "raw/1/a", Final: "raw/1/b", Pushed: "raw/1/c", UsedAt: time.UnixMilli(1700000000123).UTC(), Disk: 1 << 40}
	change(t, db, r.ID, func(i *store.Import) { i.Kept, i.Place = want, 7 })
	got, err := db.ImportOf(t.Context(), r.ID)
	if err != nil || got.Kept != want || got.Place != 7 {
		t.Errorf("read back %+v, %d, %v", got.Kept, got.Place, err)
	}
}
