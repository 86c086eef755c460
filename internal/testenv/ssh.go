package testenv

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// SSHOptions says how an SSHServer behaves. The zero value is an honest server that takes one key.
type SSHOptions struct {
	Old   bool              // it does not pass GIT_PROTOCOL on, so that git speaks version 0
	Bin   map[string]string // shell scripts besides what is in PATH, by name
	Force string            // what is run whatever is asked for; "" = what is asked for
}

// SSHServer is OpenSSH's server on loopback, as the user who runs the test. Its only client key is Key.
type SSHServer struct {
	*inetd
	URL        string // of the folder served, as ssh://USER@127.0.0.1:PORT/FOLDER
	User       string
	Key        string // private, as OpenSSH writes it
	KeyFile    string // a file that holds Key
	KnownHosts string // a file with the server's host key

	dir string
}

// ServeSSH serves the repositories below root over SSH until the test ends: one at root/a.git is at URL/a.git.
func ServeSSH(t testing.TB, root string, o SSHOptions) *SSHServer {
	t.Helper()
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	s := &SSHServer{User: me(t), dir: t.TempDir()}
	s.KeyFile, s.KnownHosts = filepath.Join(s.dir, "id"), filepath.Join(s.dir, "known_hosts")
	var public string
	s.Key, public = SSHKey(t)
	s.write(t, "id", s.Key)
	s.write(t, "authorized_keys", public)
	s.write(t, "sshd_config", s.config(t, o))
	s.inetd = serveInetd(t, func() *exec.Cmd {
		return exec.Command(sshd(t), "-i", "-e", "-f", filepath.Join(s.dir, "sshd_config"))
	})
	s.Rekey(t)
	s.URL = fmt.Sprintf("ssh://%s@%s%s", s.User, s.Addr, abs)
	return s
}

// Rekey gives the server another host key, and writes that into KnownHosts.
func (s *SSHServer) Rekey(t testing.TB) {
	t.Helper()
	private, public := SSHKey(t)
	s.write(t, "host", private)
	s.write(t, "known_hosts", fmt.Sprintf("[127.0.0.1]:%d %s", s.Addr.Port, public))
}

// SSHKey makes a key: the private half as OpenSSH writes it, the public one as a line of authorized_keys.
func SSHKey(t testing.TB) (private, public string) {
	t.Helper()
	half, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(half)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(line))
}

// SSHAgent starts an agent that holds the keys of files until the test ends, and returns its socket.
func SSHAgent(t testing.TB, files ...string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	if _, err := out.Read(make([]byte, 1)); err != nil { // it speaks once it listens
		t.Fatal(err)
	}
	for _, file := range files {
		add := exec.Command("ssh-add", "-q", file)
		add.Env = append(Env(), "SSH_AUTH_SOCK="+socket)
		if said, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v: %s", err, said)
		}
	}
	return socket
}

func (s *SSHServer) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *SSHServer) config(t testing.TB, o SSHOptions) string {
	t.Helper()
	bin := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, script := range o.Bin {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	lines := []string{
		"HostKey " + filepath.Join(s.dir, "host"),
		"AuthorizedKeysFile " + filepath.Join(s.dir, "authorized_keys"),
		"PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no",
		"KbdInteractiveAuthentication no", "PrintMotd no", "LogLevel VERBOSE",
		"SetEnv PATH=" + bin + ":" + os.Getenv("PATH") + " GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null",
	}
	if !o.Old {
		lines = append(lines, "AcceptEnv GIT_PROTOCOL")
	}
	if o.Force != "" {
		lines = append(lines, "ForceCommand "+o.Force)
	}
	return strings.Join(lines, "\n") + "\n"
}

// sshd finds the server, which lies where ordinary users do not look. As root it wants a folder that is there once
// Debian has started it.
func sshd(t testing.TB) string {
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Error(err)
		}
	}
	return path
}

func me(t testing.TB) string {
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}
