package importer

import (
	"bytes"
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/remote"
)

// credentials sign in at a source. The name is sealed with the password: forges take
// tokens in its place.
type credentials struct {
	username, password rehome.Secret
}

// seal returns c unreadable, nil when there is nothing to seal.
func (m *Importer) seal(field string, c credentials) ([]byte, error) {
	if c.username == "" && c.password == "" {
		return nil, nil
	}
	if err := remote.CheckCredentials(field, string(c.username), c.password); err != nil {
		return nil, err
	}
	// No name holds a line feed: CheckCredentials refuses it.
	sealed, err := m.Seal.Seal(c.username + "\n" + c.password)
	if err != nil {
		return nil, fmt.Errorf("seal credentials: %w", err)
	}
	return sealed, nil
}

func (m *Importer) unseal(sealed []byte) (credentials, error) {
	if sealed == nil {
		return credentials{}, nil
	}
	text, err := m.Seal.Unseal(sealed)
	if err != nil {
		return credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	username, password, _ := strings.Cut(string(text), "\n")
	return credentials{rehome.Secret(username), rehome.Secret(password)}, nil
}

// signIn is what signs in somewhere, sealed; nil for none.
type signIn struct{ credentials, key []byte }

func (s signIn) equal(other signIn) bool {
	return bytes.Equal(s.credentials, other.credentials) && bytes.Equal(s.key, other.key)
}

// location is where the import comes from, with what it takes to sign in there. The
// worker remembers that, since the row may get other credentials while they are used.
func (w *worker) location() (remote.Location, error) {
	if w.isPath(w.row.Source.URL) {
		return remote.Location{Path: w.row.Source.URL}, nil
	}
	l, err := remote.Parse("vcs_url", w.row.Source.URL)
	if err != nil {
		return l, err
	}
	w.used = signIn{w.row.Credentials, w.row.Key}
	c, err := w.unseal(w.used.credentials)
	l.Project, l.Password = w.row.Source.TFVCProject, c.password
	if !l.SSH() {
		l.Username = string(c.username)
	}
	if err == nil && w.used.key != nil {
		l.Key, err = w.Seal.Unseal(w.used.key)
	}
	return l, err
}
