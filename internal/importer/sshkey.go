package importer

import (
	"fmt"

	"rehome"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
)

// checkKey refuses a key for a place that is not reached over SSH.
func checkKey(l remote.Location, k *SSHKey) error {
	if k == nil || *k == (SSHKey{}) || l.SSH() {
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: "ssh_key", Message: "ssh_key is for addresses over SSH, and this is none.",
		Hint: "Give the address as ssh://USER@HOST/PATH or USER@HOST:PATH, or leave {ssh_key} out.",
	}
}

// SSHKey is a key to sign in with over SSH: one that is given, or one to be made. The zero SSHKey is none.
type SSHKey struct {
	Private rehome.Secret // as OpenSSH writes it (PEM), without passphrase
	Make    bool
}

// changeKey takes the key that is given, or makes one where there is none yet: whoever asks for the same again keeps
// what was let in at the other end. The zero SSHKey forgets it; nil leaves it.
func (m *Importer) changeKey(k *SSHKey, sealed *[]byte, public *string) (err error) {
	switch {
	case k == nil, k.Make && *sealed != nil:
		return nil
	case *k == (SSHKey{}):
		*sealed, *public = nil, ""
		return nil
	}
	*sealed, *public, err = m.sealKey(*k)
	return err
}

// sealKey returns a private key for SSH unreadable, with its public half.
func (m *Importer) sealKey(k SSHKey) (sealed []byte, public string, err error) {
	if k.Make {
		k.Private, public, err = transport.NewKey()
	} else {
		public, err = transport.PublicKey(k.Private)
	}
	if err != nil {
		return nil, "", err
	}
	if sealed, err = m.Seal.Seal(k.Private); err != nil {
		return nil, "", fmt.Errorf("seal key: %w", err)
	}
	return sealed, public, nil
}
