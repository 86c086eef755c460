package transport

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"rehome"
)

// maxKey bounds the text of a private key, in bytes: RSA of 16384 bits has 12 KB.
const maxKey = 32 << 10

// ErrPassphrase is underneath the error for a key that a passphrase protects.
var ErrPassphrase = errors.New("the key is protected by a passphrase")

// NewKey makes an Ed25519 key: the private half as OpenSSH writes it (PEM), the public one as a line of authorized_keys.
func NewKey() (private rehome.Secret, public string, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "rehome")
	if err != nil {
		return "", "", fmt.Errorf("write SSH key: %w", err)
	}
	private = rehome.Secret(pem.EncodeToMemory(block))
	public, err = PublicKey(private)
	return private, public, err
}

// PublicKey returns the public half of a key as a line of authorized_keys, without an end of line. The error, of
// what is no key that can be used, is *rehome.Error with Code Invalid and Field ssh_key.
func PublicKey(private rehome.Secret) (string, error) {
	signer, err := readKey(private)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(signer.PublicKey())), "\n") + " rehome", nil
}

func readKey(private rehome.Secret) (ssh.Signer, error) {
	if len(private) > maxKey {
		return nil, badKey(nil, "ssh_key is longer than %d bytes", maxKey)
	}
	signer, err := ssh.ParsePrivateKey([]byte(private))
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, badKey(ErrPassphrase, "ssh_key is protected by a passphrase, which nobody could type; give one that is not, made for this use")
	case err != nil: // its words may hold parts of the key
		return nil, badKey(nil, "ssh_key is no private key as OpenSSH writes it (PEM)")
	case signer.PublicKey().Type() == "ssh-dss":
		return nil, badKey(nil, "ssh_key is of the kind ssh-dss, which is not safe any more")
	}
	return signer, nil
}

func badKey(why error, format string, args ...any) error {
	return &rehome.Error{Code: rehome.Invalid, Field: "ssh_key", Message: fmt.Sprintf(format, args...), Err: why}
}
