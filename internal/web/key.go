package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"rehome"
)

// keySize is how long a form's key is, in bytes.
const keySize = 16

// bareKey is what the keys in all forms of a session hide, and nobody else can know it.
func bareKey(secret rehome.Secret) []byte {
	sum := sha256.Sum256([]byte("form " + string(secret)))
	return sum[:keySize]
}

// formKey is a key for the forms of one page, "" for nobody. It is never the same again: fresh random bytes, then the bare key under them
// (XOR). Pages are compressed and repeat what was searched for; a secret that stood beside that, page after page, could be guessed by how
// long the answers are (BREACH: Gluck, Harris, Prado 2013, "Masking Secrets"; Django and Rails do the same).
func formKey(secret rehome.Secret) string {
	if secret == "" {
		return ""
	}
	var masked [2 * keySize]byte
	mask := masked[:keySize]
	rand.Read(mask)
	subtle.XORBytes(masked[keySize:], bareKey(secret), mask)
	return base64.RawURLEncoding.EncodeToString(masked[:])
}

// isFormKey reports whether a form came with a key of the session's.
func isFormKey(secret rehome.Secret, given string) bool {
	if secret == "" {
		return given == ""
	}
	masked, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || len(masked) != 2*keySize {
		return false
	}
	bare := make([]byte, keySize)
	subtle.XORBytes(bare, masked[:keySize], masked[keySize:])
	return subtle.ConstantTimeCompare(bare, bareKey(secret)) == 1
}

// formKey is the key of all forms of the page that is made: one by which they shrink together.
func (v *visit) formKey() string {
	if v.key == "" {
		v.key = formKey(v.secret)
	}
	return v.key
}

// own reports whether a form is one of this session's pages.
func (v *visit) own() bool { return isFormKey(v.secret, v.r.PostFormValue("form_key")) }
