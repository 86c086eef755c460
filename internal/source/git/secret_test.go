package git

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/egress"
)

// TestSecretsStayHere has a source repeat what it was sent, wherever its words are shown.
func TestSecretsStayHere(t *testing.T) {
	const smart = "application/x-git-upload-pack-advertisement"
	pkt := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	for name, c := range map[string]struct{ kind, body string }{
		"refusal":      {smart, pkt("ERR no hunter2 here")},
		"long refusal": {smart, pkt("ERR " + strings.Repeat("x", maxText-5) + "hunter2")},
		"type":         {"text/hunter2", ""},
	} {
		url := serveAnswers(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			io.WriteString(w, c.body)
		}))
		l := location(t, url)
		l.Username, l.Password = "u", "hunter2"
		_, dir, err := fetch(t, newGit(t, egress.Policy{}), l)
		wantFailure(t, name, dir, err, rehome.NotARepository)
		if e := rehome.AsError(err); strings.Contains(fmt.Sprint(e.Message, e.Hint, err, e.Err), "hunt") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
