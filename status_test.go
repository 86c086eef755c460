package rehome_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"rehome"
)

var update = flag.Bool("update", false, "write the golden files anew")

const statePage = `# How an import moves

Drawn by ` + "`go test -run TestStateMachine -update .`" + ` from the table in ` + "`status.go`" + `, which is asked
inside the transaction whenever a status changes. Staying at a status is not a move, and
DELETE is possible at each of them: it takes the import away altogether.

` + "```mermaid\n"

func TestStateMachineIsDrawn(t *testing.T) {
	path := filepath.Join("docs", "state-machine.md")
	want := []byte(statePage + rehome.Diagram() + "```\n")
	if *update {
		if err := os.MkdirAll("docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not show the table of status.go: run go test -run TestStateMachine -update .", path)
	}
}

// Each status has a way in, and one out: DELETE alone must never be the only way on.
func TestEveryStatusIsReachedAndLeft(t *testing.T) {
	for _, s := range rehome.Statuses() {
		in, out := rehome.Status("").CanBecome(s), false
		for _, other := range rehome.Statuses() {
			in = in || other.CanBecome(s)
			out = out || s.CanBecome(other)
		}
		if !in || !out {
			t.Errorf("%s: reached %v, left %v", s, in, out)
		}
		if s.CanBecome(s) {
			t.Errorf("%s becomes itself", s)
		}
		if s.Running() != (s.Step() != "") {
			t.Errorf("%s: running %v, but step %q", s, s.Running(), s.Step())
		}
	}
}

// Whatever runs can fail, and whatever failed can be tried again.
func TestRunningCanFailAndFailedCanRun(t *testing.T) {
	for _, s := range rehome.Statuses() {
		if s.Running() && !s.CanBecome(rehome.Failed) {
			t.Errorf("%s cannot fail", s)
		}
		if !s.Running() && !s.CanBecome(rehome.Importing) {
			t.Errorf("%s cannot be tried again", s)
		}
	}
}
