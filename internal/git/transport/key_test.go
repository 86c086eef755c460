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
