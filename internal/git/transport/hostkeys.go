package transport

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // known_hosts hides names by it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"

	"rehome"
	"rehome/internal/glob"
)

// maxPins bounds the file of pins, in bytes: a hundred thousand hosts.
const maxPins = 16 << 20

// hostKey is one line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
type hostKey struct {
	key    ssh.PublicKey
	marker string // "", "cert-authority" or "revoked"
	file   string
	line   int
}

// hostKeys is what is known of one host.
type hostKeys struct {
	o       SSH
	address string    // host:port
	listed  []hostKey // of the files
	pinned  []hostKey
	peer    string
}

// lookUp reads what is known of the host at address.
func (o SSH) lookUp(address, peer string) (*hostKeys, error) {
	if strings.ContainsAny(address, " \t\r\n,*?!|#@") { // a line about it would be about others
		return nil, NotARepository("its host is not one that can be noted as known")
	}
	h := &hostKeys{o: o, address: address, peer: peer}
	for _, file := range o.KnownHosts {
		lines, err := readHostKeys(file, address)
		if err != nil {
			return nil, err
		}
		h.listed = append(h.listed, lines...)
	}
	if o.Pins == "" {
		return h, nil
	}
	var err error
	h.pinned, err = readHostKeys(o.Pins, address)
	return h, err
}

// readHostKeys returns the lines of file that are about address, those that revoke keys or name authorities included.
// What is no such line is passed over, as ssh does.
func readHostKeys(file, address string) ([]hostKey, error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, noFile("read known hosts", err)
	}
	defer f.Close()
	return scanHostKeys(f, file, address)
}

func scanHostKeys(r io.Reader, file, address string) (found []hostKey, err error) {
	name := strings.ToLower(knownhosts.Normalize(address))
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil && matchHosts(hosts, name) {
			found = append(found, hostKey{key, marker, file, n})
		}
	}
	if err := in.Err(); err != nil {
		return nil, noFile("read known hosts", fmt.Errorf("%q: %w", file, err))
	}
	return found, nil
}

// matchHosts reports whether the patterns of a line are about name, as host or [host]:port.
func matchHosts(patterns []string, name string) bool {
	found := false
	for _, p := range patterns {
		bare, not := strings.CutPrefix(p, "!")
		switch {
		case !matchHost(bare, name):
		case not:
			return false
		default:
			found = true
		}
	}
	return found
}

func matchHost(pattern, name string) bool {
	if rest, ok := strings.CutPrefix(pattern, "|1|"); ok {
		salt, sum, _ := strings.Cut(rest, "|")
		key, err := base64.StdEncoding.DecodeString(salt)
		want, bad := base64.StdEncoding.DecodeString(sum)
		mac := hmac.New(sha1.New, key)
		mac.Write([]byte(name))
		return err == nil && bad == nil && hmac.Equal(mac.Sum(nil), want)
	}
	return glob.Match(strings.ToLower(pattern), name)
}

// plain are the keys that the host may show, certificates aside: those of the files win.
func (h *hostKeys) plain() []hostKey {
	own := func(k hostKey) bool { return k.marker != "" }
	if listed := slices.DeleteFunc(slices.Clone(h.listed), own); len(listed) > 0 {
		return listed
	}
	return slices.DeleteFunc(slices.Clone(h.pinned), own)
}

func (h *hostKeys) marked(marker string) (all []hostKey) {
	for _, k := range slices.Concat(h.listed, h.pinned) {
		if k.marker == marker {
			all = append(all, k)
		}
	}
	return all
}

// algorithms are what the host is asked to prove itself by, best first: by a kind of key that is known of it, so that
// a host with several shows that one.
func (h *hostKeys) algorithms() []string {
	certified := len(h.marked("cert-authority")) > 0
	var best []string
	for _, k := range h.plain() {
		best = append(best, algorithmsOf(k.key.Type())...)
	}
	if len(best) == 0 {
		best = []string{ssh.KeyAlgoED25519}
	}
	all := ssh.SupportedAlgorithms().HostKeys
	sorted := make([]string, 0, len(all))
	for _, first := range []bool{true, false} {
		for _, a := range all {
			isCertificate := strings.Contains(a, "-cert-")
			if isCertificate && !certified {
				continue
			}
			if (slices.Contains(best, a) || isCertificate) == first {
				sorted = append(sorted, a)
			}
		}
	}
	return sorted
}

func algorithmsOf(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

// check is an ssh.HostKeyCallback.
func (h *hostKeys) check(address string, at net.Addr, key ssh.PublicKey) error {
	among := func(list []hostKey, key ssh.PublicKey) bool {
		return slices.ContainsFunc(list, func(k hostKey) bool { return same(k.key, key) })
	}
	checker := ssh.CertChecker{
		IsHostAuthority: func(k ssh.PublicKey, _ string) bool { return among(h.marked("cert-authority"), k) },
		IsRevoked: func(c *ssh.Certificate) bool {
			return among(h.marked("revoked"), c.Key) || among(h.marked("revoked"), c.SignatureKey)
		},
		HostKeyFallback: func(_ string, _ net.Addr, k ssh.PublicKey) error { return h.checkPlain(k) },
	}
	err := checker.CheckHostKey(address, at, key)
	var known *rehome.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return h.refusal(fmt.Sprintf("%s shows a certificate that is not good for %s.", begin(the(h.peer)), h.name()),
		"Ask whoever runs it; the certificate may have run out.", err)
}

func (h *hostKeys) checkPlain(key ssh.PublicKey) error {
	for _, k := range h.marked("revoked") {
		if same(k.key, key) {
			return h.refusal(fmt.Sprintf("The host key of %s is revoked (%s).", h.name(), h.where(k)), "Ask whoever runs it.", nil)
		}
	}
	known := h.plain()
	switch {
	case slices.ContainsFunc(known, func(k hostKey) bool { return same(k.key, key) }):
		return nil
	case len(known) > 0:
		return h.changed(known[0], key)
	case h.o.Pins == "":
		return h.refusal(fmt.Sprintf("The host key of %s is not known; it shows %s.", h.name(), describe(key)),
			"Compare that with what whoever runs it says, and add the key to the known hosts (--known-hosts FILE).", nil)
	}
	return h.pin(key)
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// describe is a key as ssh-keygen -l shows it.
func describe(k ssh.PublicKey) string { return k.Type() + " " + ssh.FingerprintSHA256(k) }

func (h *hostKeys) name() string { return rehome.Clean(knownhosts.Normalize(h.address), 255) }

// where names the line of a file.
func (h *hostKeys) where(k hostKey) string {
	file := k.file
	if h.o.Shared {
		file = filepath.Base(file)
	}
	return fmt.Sprintf("line %d of %s", k.line, rehome.Clean(file, 1024))
}

func (*hostKeys) refusal(message, hint string, err error) *rehome.Error {
	return &rehome.Error{Code: rehome.CredentialsRefused, Message: message, Hint: hint, Err: err}
}

// changed is the error of a host that shows another key than is known of it.
func (h *hostKeys) changed(known hostKey, key ssh.PublicKey) *rehome.Error {
	hint := "Somebody may have put another server in its place. If whoever runs it says that its key is new, "
	if h.o.Shared {
		hint += "have this server's operator remove that line."
	} else {
		hint += "remove that line."
	}
	return h.refusal(
		fmt.Sprintf("The host key of %s has changed: it shows %s, but %s has %s.", h.name(), describe(key), h.where(known), describe(known.key)),
		hint, nil)
}

// noFile is the error of a file of known hosts that cannot be read or written.
func noFile(what string, err error) error {
	e := &rehome.Error{Code: rehome.Internal, Message: "The file of known hosts cannot be read or written.", Hint: "Look at who may.", Err: fmt.Errorf("%s: %w", what, err)}
	if IsDiskFull(err) {
		e.Code, e.Message, e.Hint = rehome.DiskFull, noRoom, makeRoom
	}
	return e
}

// pin notes the key of a host met first. Whoever else met it meanwhile, in another process, was first.
func (h *hostKeys) pin(key ssh.PublicKey) error {
	if err := os.MkdirAll(filepath.Dir(h.o.Pins), 0o700); err != nil {
		return noFile("note host key", err)
	}
	f, err := os.OpenFile(h.o.Pins, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return noFile("note host key", err)
	}
	defer f.Close() // which ends the lock, too
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return noFile("lock noted host keys", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPins+1))
	if err != nil {
		return noFile("read noted host keys", err)
	}
	if h.pinned, err = scanHostKeys(bytes.NewReader(text), h.o.Pins, h.address); err != nil {
		return err
	}
	if known := h.plain(); len(known) > 0 {
		return h.checkPlain(key)
	}
	if len(text) > maxPins {
		return noFile("note host key", fmt.Errorf("%q is full", h.o.Pins))
	}
	if err := appendLine(f, text, knownhosts.Line([]string{h.address}, key)); err != nil {
		return err
	}
	if h.o.Met != nil {
		h.o.Met(h.name(), describe(key))
	}
	return nil
}

// appendLine adds a line to a file that holds text, of which the last line may have been cut by a crash.
func appendLine(f *os.File, text []byte, line string) error {
	line += "\n"
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	if _, err := f.WriteString(line); err != nil {
		return noFile("note host key", err)
	}
	if err := f.Sync(); err != nil {
		return noFile("note host key", err)
	}
	return nil
}
