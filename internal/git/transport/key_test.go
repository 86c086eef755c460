package transport

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"rehome"
)

func TestKeys(t *testing.T) {
	private, public, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := PublicKey(private)
	if err != nil || again != public || !strings.HasPrefix(public, "ssh-ed25519 AAAA") || strings.ContainsAny(public, "\r\n") {
		t.Errorf("%q, %q, %v", public, again, err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", private, private, private), "PRIVATE") {
		t.Error("it shows")
	}
	_, key, _ := ed25519.GenerateKey(nil)
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ key, says string }{
		"none":       {"", "ssh_key is no private key"},
		"words":      {"canary", "ssh_key is no private key"},
		"public":     {public, "ssh_key is no private key"},
		"passphrase": {string(pem.EncodeToMemory(locked)), "ssh_key is protected by a passphrase"},
		"long":       {strings.Repeat("x", maxKey+1), "ssh_key is longer than"},
	} {
		_, err := PublicKey(rehome.Secret(c.key))
		if e := rehome.AsError(err); e.Code != rehome.Invalid || e.Field != "ssh_key" || !strings.HasPrefix(e.Message, c.says) || strings.Contains(e.Message, "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Keys come from strangers, too: over the API.
func FuzzPublicKey(f *testing.F) {
	private, _, err := NewKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(private))
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		public, err := PublicKey(rehome.Secret(text))
		if err != nil {
			if e := rehome.AsError(err); e.Code != rehome.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public)); err != nil || strings.ContainsAny(public, "\r\n") {
			t.Errorf("%q: %v", public, err)
		}
	})
}

// What programs at the other end say becomes one line that can be shown.
func FuzzHeard(f *testing.F) {
	f.Add("remote: \r\nremote: ====\nremote: ERROR: no\x1b[31m\n", 3)
	f.Fuzz(func(t *testing.T, text string, piece int) {
		h := &heard{drop: func() {}}
		for rest, n := []byte(text), 1+uint(piece)%100; len(rest) > 0; rest = rest[min(uint(len(rest)), n):] {
			h.Write(rest[:min(uint(len(rest)), n)]) //nolint:errcheck // it never fails
		}
		said := h.words(location(t, "ssh://git:canary@h/r"))
		if said == nil {
			return
		}
		if words := said.Error(); words == "" || len(words) > maxText+10 || strings.ContainsAny(words, "\n\r\x1b\x00") || strings.Contains(words, "canary") {
			t.Errorf("%q became %q", text, words)
		}
	})
}
