package webhook

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"rehome/internal/egress"
	"rehome/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bare are Hooks without a database.
func bare(t *testing.T, p egress.Policy) *Hooks {
	t.Helper()
	client, err := egress.New(p)
	must(t, err)
	t.Cleanup(client.Close)
	box, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	return New(Options{Client: client, Seal: box, Base: "https://new.test", Version: "1.2.3"})
}
