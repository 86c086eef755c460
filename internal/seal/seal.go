// Package seal keeps passwords unreadable at rest: sealed with age to a key that lives in a file beside the database.
package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"rehome"
)

// maxSecret bounds a secret, in bytes; no password comes near it.
const maxSecret = 1 << 20

// errNotOurs stands for age's own errors, which quote what they were given.
var errNotOurs = errors.New("unseal: sealed with another key, or changed since")

// errTooLong is for a secret that nobody would give back.
var errTooLong = fmt.Errorf("secret is over %d bytes", maxSecret)

// Box seals and unseals with one key. It is safe for concurrent use.
type Box struct {
	identity *age.X25519Identity
}

// Open returns the box for the key in keyFile, an age identity file. A missing
// file is made, readable by its owner only; of several processes that start at
// once all get the same key. Its folder must exist.
func Open(keyFile string) (*Box, error) {
	box, err := read(keyFile)
	if !errors.Is(err, fs.ErrNotExist) {
		return box, err
	}
	if err := create(keyFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make key file: %w", err)
	}
	return read(keyFile)
}

// Seal encrypts a secret of up to 1 MiB. The same secret gives other bytes each time.
func (b *Box) Seal(secret rehome.Secret) ([]byte, error) {
	if len(secret) > maxSecret {
		return nil, errTooLong
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, b.identity.Recipient())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if _, err := io.WriteString(w, string(secret)); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out.Bytes(), nil
}

// Unseal gives back what Seal was given. It fails for bytes sealed with another key or changed since.
func (b *Box) Unseal(sealed []byte) (rehome.Secret, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), b.identity)
	if err != nil {
		return "", errNotOurs
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", errNotOurs
	}
	if len(plain) > maxSecret {
		return "", errTooLong
	}
	return rehome.Secret(plain), nil
}

// Fingerprint tells keys apart and says nothing else about them: a keyed hash of a constant, in hex.
func (b *Box) Fingerprint() string {
	hash := hmac.New(sha256.New, []byte(b.identity.String()))
	hash.Write([]byte("rehome: which key this is"))
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

func read(keyFile string) (*Box, error) {
	f, err := os.Open(keyFile)
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close()
	identities, err := age.ParseIdentities(f)
	if err != nil {
		// age quotes the line it could not read, which may be most of a key.
		return nil, fmt.Errorf("read key file %q: not an age identity file", keyFile)
	}
	identity, ok := identities[0].(*age.X25519Identity)
	if !ok {
		return nil, fmt.Errorf("read key file %q: the key is not of age's X25519 kind", keyFile)
	}
	return &Box{identity: identity}, nil
}

// create writes a new key beside keyFile and links it into place, so that the
// file is whole from the moment it is there and never replaces another.
func create(keyFile string) error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(keyFile), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "# Rehome's key: whoever has it reads the stored passwords; without it they are lost.\n# public key: %s\n%s\n", identity.Recipient(), identity)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), keyFile)
}
