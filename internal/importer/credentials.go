package importer

import (
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/store"
)

// credentials sign in at a source. The name is sealed with the password: forges take
// tokens in its place.
type credentials struct {
	username string
	password rehome.Secret
}

// seal returns c unreadable, nil when there is nothing to seal.
func (m *Importer) seal(c credentials) ([]byte, error) {
	if c.username == "" && c.password == "" {
		return nil, nil
	}
	if err := source.CheckCredentials(c.username, c.password); err != nil {
		return nil, err
	}
	// No name holds a line feed: CheckCredentials refuses it.
	sealed, err := m.Seal.Seal(rehome.Secret(c.username + "\n" + string(c.password)))
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
	return credentials{username, rehome.Secret(password)}, nil
}

// location is where i comes from, with what it takes to sign in there.
func (m *Importer) location(i *store.Import) (source.Location, error) {
	l, err := source.ParseLocation(i.Source.URL)
	if err != nil {
		return l, err
	}
	c, err := m.unseal(i.Credentials)
	l.Username, l.Password = c.username, c.password
	return l, err
}
