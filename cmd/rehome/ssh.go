package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
	"rehome/internal/source/git"
)

// sshFlags say how servers are reached over SSH.
type sshFlags struct {
	key        string
	knownHosts string
}

func (f *sshFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.key, "ssh-key", "", "private key `FILE` for SSH, without passphrase (default: the keys of the agent)")
	flags.StringVar(&f.knownHosts, "known-hosts", "", "`FILE` with the keys of SSH servers, as ~/.ssh/known_hosts; others are refused (default: that one, and servers met first are noted in Rehome's own)")
}

// maxKey is far more than any private key has, bytes.
const maxKey = 64 << 10

// read returns the key that the flags name, "" for none.
func (f *sshFlags) read() (rehome.Secret, error) {
	if f.key == "" {
		return "", nil
	}
	text, err := os.ReadFile(f.key)
	if err != nil {
		return "", usagef("Check the path.", "--ssh-key cannot be read: %w", err)
	}
	if len(text) > maxKey {
		return "", usagef("Give a private key as ssh-keygen makes it.", "--ssh-key %q is no key", f.key)
	}
	key := rehome.Secret(text)
	_, err = transport.PublicKey(key)
	if errors.Is(err, transport.ErrPassphrase) {
		return "", usagef("Have the agent hold it (ssh-add FILE) and leave --ssh-key out, or give a key without passphrase, made for this use.",
			"--ssh-key %q is protected by a passphrase", f.key)
	}
	return key, err
}

// overSSH adds to an SSH address what signs in there. A password comes from the environment only: most servers want keys.
func (m *Main) overSSH(l remote.Location, user, passwordFrom string, f sshFlags) (remote.Location, error) {
	if user != "" {
		return l, usagef("Put it into the address: USER@HOST:PATH or ssh://USER@HOST/PATH.", "the user name of an SSH address stands in it")
	}
	key, err := f.read()
	if err != nil {
		return l, err
	}
	l.Key = key
	if l.Password == "" {
		l.Password = rehome.Secret(m.Getenv(passwordFrom))
	}
	return l, nil
}

// currentUser is who signs in over SSH where the address names nobody, as with ssh itself.
func currentUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "git"
}

// ownMachine is the network for the command line: the user's own machine and rights, so nothing is out of bounds. note
// takes a line about a server met first. A file of known hosts that was given is the whole list: others are refused.
func (m *Main) ownMachine(f sshFlags, note func(string)) (network, error) {
	client, err := egress.New(egress.Policy{Unrestricted: true})
	if err != nil {
		return network{}, err
	}
	ssh := transport.SSH{Agent: m.Getenv("SSH_AUTH_SOCK"), User: currentUser()}
	if f.knownHosts != "" {
		if _, err := os.Stat(f.knownHosts); err != nil {
			return network{}, usagef("Check the path.", "--known-hosts cannot be read: %w", err)
		}
		ssh.KnownHosts = []string{f.knownHosts}
		return network{client, ssh}, nil
	}
	if home, err := os.UserHomeDir(); err == nil {
		ssh.KnownHosts = []string{filepath.Join(home, ".ssh", "known_hosts"), "/etc/ssh/ssh_known_hosts"}
	}
	if dir, err := m.stateFolder(""); err == nil {
		ssh.Pins = filepath.Join(dir, "known_hosts")
		ssh.Met = func(host, key string) {
			note(fmt.Sprintf("met %s for the first time and noted its key: %s", host, key))
		}
	}
	return network{client, ssh}, nil
}

// ownMachineGit reads Git for the command line.
func (m *Main) ownMachineGit(f sshFlags, note func(string)) (*git.Git, error) {
	n, err := m.ownMachine(f, note)
	if err != nil {
		return nil, err
	}
	return n.git(), nil
}
