package importer

import (
	"os"
	"path/filepath"
	"testing"

	"rehome"
)

// TestDestinationAtWork says so while its hook runs, and no longer.
func TestDestinationAtWork(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	e.hook("pre-receive", "while [ ! -e go ]; do sleep 0.05; done")
	r := e.repository("a")
	_, err := e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
	must(t, err)
	_, err = e.Start(t.Context(), r, StartRequest{URL: e.source})
	must(t, err)
	events, err := e.Watch(t.Context(), r.ID)
	must(t, err)
	at := make(chan string, 1)
	go func() {
		for event := range events {
			if event.Kind == rehome.EventProgress && event.Text == workingNote {
				i, err := e.Get(t.Context(), r.ID)
				if err != nil {
					i.State.Note = err.Error()
				}
				at <- i.State.Note
				os.WriteFile(filepath.Join(e.to, "go"), nil, 0o600)
				return
			}
		}
	}()
	e.work()
	if note := <-at; note != workingNote {
		t.Errorf("status_text is %q", note)
	}
	i := e.get(r)
	wantStatus(t, i, rehome.Complete, "", "")
	if i.State.Note != "" {
		t.Errorf("after it: %q", i.State.Note)
	}
}
