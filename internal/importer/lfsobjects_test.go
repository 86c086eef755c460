package importer

import (
	"sync"
	"testing"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// Bytes that are lost are noticed before a pointer to them is published, and made anew.
func TestLostLFSObjects(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before publishing", "published"} {
		w, r, url, from := filmed(t)
		w.start(r, StartRequest{URL: url})
		lost := false
		w.fault = func(reached string) {
			if reached != point || lost {
				return
			}
			lost = true
			made, err := readMade(w.Folder.final(w.get(r).ID))
			must(t, err)
			oid, err := lfs.ParseOID(made.Objects[0].OID)
			must(t, err)
			must(t, w.LFS.Remove(t.Context(), oid))
		}
		_, err := w.SetLFS(t.Context(), r.ID, rehome.LFSOptIn, nil)
		must(t, err)
		w.work()
		wantStatus(t, w.get(r), rehome.Failed, rehome.StepPush, rehome.LFSMissing)
		if point == "before publishing" {
			w.wantMoved(r, from)
		}
		w.start(r, StartRequest{URL: url})
		wantStatus(t, w.get(r), rehome.Complete, "", "")
		w.wantFilms(r, from, rehome.LFSOptIn)
	}
}

func TestMissingLFSIsAllowedMeanwhile(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two")
	w := newWorld(t)
	r := w.repository("new")
	var once sync.Once
	w.fault = func(point string) {
		if point == "before a change" && w.get(r).State.Status == rehome.Importing {
			once.Do(func() {
				yes := true
				i, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{AllowMissingLFS: &yes}})
				if err != nil || i.State.Status != rehome.Importing || i.Wanted.Raw != 1 {
					t.Errorf("%+v, %v", i, err)
				}
			})
		}
	}
	w.start(r, StartRequest{URL: p.url, VCS: rehome.Git})
	i := w.get(r)
	wantStatus(t, i, rehome.Complete, "", "")
	if got := w.largeReceipt(r).LFS; len(got.Missing) != 2 || !i.Options.AllowMissingLFS {
		t.Errorf("the receipt has %+v", got)
	}
}

// What came with the source is there when it is published, also under a plan that changes nothing of it.
func TestCarriedObjectsAreChecked(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two")
	for _, content := range []string{"one", "two"} {
		p.Add(content)
	}
	w := newWorld(t)
	r := w.repository("new")
	lose := func() { must(t, w.LFS.Remove(t.Context(), p.objects[0].OID)) }
	w.fault = func(point string) {
		if point == "raw kept" && lose != nil {
			lose()
			lose = nil
		}
	}
	w.start(r, StartRequest{URL: p.url})
	wantStatus(t, w.get(r), rehome.Failed, rehome.StepPush, rehome.LFSMissing)
	if refs := testenv.ShowRefs(t, w.hosted(r)); len(refs) != 0 {
		t.Errorf("published: %v", refs)
	}
	w.start(r, StartRequest{URL: p.url})
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantCarried(r, p.objects...)
}
