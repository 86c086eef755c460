package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rehome"
)

func open(t *testing.T, path string) *Box {
	t.Helper()
	box, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestSealAndUnseal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for _, secret := range []rehome.Secret{"", "hunter2", "naïve пароль\x00\n", rehome.Secret(strings.Repeat("x", 100_000))} {
		sealed, err := open(t, path).Seal(secret)
		if err != nil {
			t.Fatal(err)
		}
		if secret != "" && bytes.Contains(sealed, []byte(secret)) {
			t.Error("the sealed bytes hold the secret")
		}
		got, err := open(t, path).Unseal(sealed)
		if err != nil || got != secret {
			t.Errorf("Unseal(Seal(%d bytes)) = %d bytes, %v", len(secret), len(got), err)
		}
	}
}

func TestUnsealRefuses(t *testing.T) {
	dir := t.TempDir()
	box := open(t, filepath.Join(dir, "key"))
	sealed, err := box.Seal("hunter2")
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		box   *Box
		bytes []byte
	}{
		"another key":  {open(t, filepath.Join(dir, "other")), sealed},
		"changed":      {box, flipped},
		"cut off":      {box, sealed[:len(sealed)-1]},
		"empty":        {box, nil},
		"never sealed": {box, []byte("hunter2")},
	} {
		if got, err := c.box.Unseal(c.bytes); err == nil {
			t.Errorf("%s: Unseal gave %d bytes and no error", name, len(got))
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error holds the secret: %v", name, err)
		}
	}
}

func TestSecretsAreBoundedAndNeverTheSame(t *testing.T) {
	box := open(t, filepath.Join(t.TempDir(), "key"))
	for size, want := range map[int]bool{maxSecret: true, maxSecret + 1: false} {
		sealed, err := box.Seal(rehome.Secret(strings.Repeat("x", size)))
		if (err == nil) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err == nil {
			if got, err := box.Unseal(sealed); err != nil || len(got) != size {
				t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
			}
		}
	}
	one, _ := box.Seal("hunter2")
	two, _ := box.Seal("hunter2")
	if bytes.Equal(one, two) {
		t.Error("the same secret was sealed to the same bytes")
	}
}

func TestOpenMakesOneKeyForAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	boxes := make([]*Box, 8)
	var wg sync.WaitGroup
	for i := range boxes {
		wg.Go(func() { boxes[i], _ = Open(path) })
	}
	wg.Wait()
	for i, box := range boxes {
		if box == nil || box.identity.String() != boxes[0].identity.String() {
			t.Fatalf("box %d has another key", i)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info.Mode(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("folder holds %d files, want the key alone", len(left))
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	key := "AGE-SECRET-KEY-1NOTAKEYNOTAKEY"
	if err := os.WriteFile(bad, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"no key inside": bad, "no folder": filepath.Join(dir, "no", "key"), "a folder": dir} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "NOTAKEY") {
			t.Errorf("%s: the error shows what is in the key file: %v", name, err)
		}
	}
	if got, _ := os.ReadFile(bad); string(got) != key {
		t.Error("the file that was no key has been overwritten")
	}
}

func FuzzUnseal(f *testing.F) {
	box, err := Open(filepath.Join(f.TempDir(), "key"))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := box.Seal("hunter2")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(nil))
	f.Add([]byte("age-encryption.org/v1\n-> X25519 \n"))
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := box.Unseal(in); err == nil && !bytes.Equal(in, sealed) {
			t.Error("bytes nobody sealed were unsealed")
		}
	})
}

func TestFingerprint(t *testing.T) {
	one, other := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "key")
	first := open(t, one).Fingerprint()
	if again := open(t, one).Fingerprint(); again != first || len(first) != 32 {
		t.Errorf("the same key is %q, then %q", first, again)
	}
	if open(t, other).Fingerprint() == first {
		t.Error("two keys are alike")
	}
	text, err := os.ReadFile(one)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(first)) {
		t.Error("it is a part of the key's file")
	}
}
