package transport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
	"rehome/internal/testenv"
)

// served is a repository behind a real server.
func served(t *testing.T, o testenv.SSHOptions) (*testenv.SSHServer, remote.Location) {
	t.Helper()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 1})
	s := testenv.ServeSSH(t, root, o)
	l := location(t, s.URL+"/r.git")
	l.Key = rehome.Secret(s.Key)
	return s, l
}

// try opens a conversation and ends it.
func try(t *testing.T, o SSH, l remote.Location) *rehome.Error {
	t.Helper()
	c, err := speaker(t, egress.Policy{}, Options{SSH: o}).Open(t.Context(), l, Question{Limits: wide})
	if err == nil {
		c.Close()
		return nil
	}
	return rehome.AsError(err)
}

func TestHostKeys(t *testing.T) {
	s, l := served(t, testenv.SSHOptions{})
	none := filepath.Join(t.TempDir(), "none")
	host := fmt.Sprintf("[127.0.0.1]:%d", s.Addr.Port)

	e := try(t, SSH{KnownHosts: []string{none}}, l)
	if e == nil || e.Code != rehome.CredentialsRefused || !strings.HasPrefix(e.Message, "The host key of "+host+" is not known; it shows ssh-ed25519 SHA256:") || !strings.Contains(e.Hint, "--known-hosts") {
		t.Errorf("unknown host: %+v", e)
	}
	if e := try(t, SSH{KnownHosts: []string{none, s.KnownHosts}}, l); e != nil {
		t.Errorf("listed: %v, %v", e, e.Err)
	}

	pins := filepath.Join(t.TempDir(), "state", "known_hosts")
	if e := try(t, SSH{Pins: pins}, l); e != nil {
		t.Errorf("first met: %v, %v", e, e.Err)
	}
	text, err := os.ReadFile(pins)
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.HasPrefix(string(text), host+" ssh-ed25519 ") {
		t.Errorf("pins: %q, %v", text, err)
	}
	for path, want := range map[string]os.FileMode{pins: 0o600, filepath.Dir(pins): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if e := try(t, SSH{Pins: pins}, l); e != nil {
		t.Errorf("met again: %v", e)
	}

	s.Rekey(t)
	for _, c := range []struct {
		o     SSH
		where string
	}{
		{SSH{Pins: pins}, "line 1 of " + pins + " has ssh-ed25519 SHA256:"},
		{SSH{Pins: pins, Shared: true}, "line 1 of known_hosts has ssh-ed25519 SHA256:"},
		{SSH{KnownHosts: []string{pins}, Pins: none}, "line 1 of " + pins},
	} {
		e := try(t, c.o, l)
		if e == nil || e.Code != rehome.CredentialsRefused || !strings.Contains(e.Message, "has changed: it shows ssh-ed25519 SHA256:") || !strings.Contains(e.Message, c.where) {
			t.Errorf("changed: %+v, want %s", e, c.where)
		}
	}
	if again, _ := os.ReadFile(pins); string(again) != string(text) {
		t.Errorf("pins became %q", again)
	}
	// What the user lists wins over what was pinned.
	if e := try(t, SSH{KnownHosts: []string{s.KnownHosts}, Pins: pins}, l); e != nil {
		t.Errorf("listed anew: %v", e)
	}
}

func TestFormsOfKnownHosts(t *testing.T) {
	s, l := served(t, testenv.SSHOptions{})
	text, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	_, other := testenv.SSHKey(t)
	host := fmt.Sprintf("[127.0.0.1]:%d", s.Addr.Port)
	hashed := knownhosts.HashHostname(host)
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"hashed":            {hashed + " " + key, true},
		"hashed, changed":   {hashed + " " + other, false},
		"glob":              {"[127.0.0.*]:* " + key, true},
		"list":              {"elsewhere,[127.0.0.?]:" + fmt.Sprint(s.Addr.Port) + " " + key, true},
		"negated":           {"[127.*]:*,!" + host + " " + key, false},
		"another port":      {"[127.0.0.1]:1 " + key + "\n127.0.0.1 " + key, false},
		"two keys":          {host + " " + other + host + " " + key, true},
		"another kind":      {host + " ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=", false},
		"revoked":           {"@revoked * " + key + "\n" + host + " " + key, false},
		"damage and others": {"nonsense\n\n# words\nh ssh-ed25519 !!!\n" + host + " " + key + " a comment", true},
		"an authority":      {"@cert-authority " + host + " " + key, false},
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := try(t, SSH{KnownHosts: []string{file}}, l)
		if (e == nil) != c.ok || e != nil && e.Code != rehome.CredentialsRefused {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// Who meets a host at the same time notes one key.
func TestPinsTogether(t *testing.T) {
	s, l := served(t, testenv.SSHOptions{})
	pins := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(pins, []byte("cut.example ssh-ed25519 AAAA"), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if e := try(t, SSH{Pins: pins}, l); e != nil {
				t.Error(e, e.Err)
			}
		})
	}
	all.Wait()
	text, _ := os.ReadFile(pins)
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], fmt.Sprintf("[127.0.0.1]:%d ", s.Addr.Port)) {
		t.Errorf("%q", text)
	}
}

func TestSigningIn(t *testing.T) {
	s, l := served(t, testenv.SSHOptions{})
	known := SSH{KnownHosts: []string{s.KnownHosts}}
	with := func(change func(l *remote.Location, o *SSH)) *rehome.Error {
		l, o := l, known
		l.Key = ""
		change(&l, &o)
		return try(t, o, l)
	}
	wrong, public := testenv.SSHKey(t)
	parsed, _, _, _, _ := ssh.ParseAuthorizedKey([]byte(public))
	wrongFile := filepath.Join(t.TempDir(), "wrong")
	os.WriteFile(wrongFile, []byte(wrong), 0o600) //nolint:errcheck // seen below
	for name, c := range map[string]struct {
		change func(l *remote.Location, o *SSH)
		code   rehome.Code // "" for none
		says   string
	}{
		"agent":           {func(_ *remote.Location, o *SSH) { o.Agent = testenv.SSHAgent(t, wrongFile, s.KeyFile) }, "", ""},
		"agent's others":  {func(_ *remote.Location, o *SSH) { o.Agent = testenv.SSHAgent(t, wrongFile) }, rehome.CredentialsRefused, "The source accepts no key of the agent for user"},
		"empty agent":     {func(_ *remote.Location, o *SSH) { o.Agent = testenv.SSHAgent(t) }, rehome.CredentialsWanted, "The source wants an SSH key for user"},
		"no agent there":  {func(_ *remote.Location, o *SSH) { o.Agent = "/nonexistent" }, rehome.CredentialsWanted, "The source wants an SSH key for user"},
		"nothing":         {func(*remote.Location, *SSH) {}, rehome.CredentialsWanted, "The source wants an SSH key for user"},
		"wrong key":       {func(l *remote.Location, _ *SSH) { l.Key = rehome.Secret(wrong) }, rehome.CredentialsRefused, "The source does not accept the SSH key (" + describe(parsed) + ") for user"},
		"no key":          {func(l *remote.Location, _ *SSH) { l.Key = "canary" }, rehome.CredentialsRefused, "The SSH key cannot be used: ssh_key is no private key"},
		"password":        {func(l *remote.Location, _ *SSH) { l.Password = "canary" }, rehome.CredentialsRefused, "The source does not accept the password for user"},
		"another user":    {func(l *remote.Location, o *SSH) { l.Key, l.Username = rehome.Secret(s.Key), "nobody-here" }, rehome.CredentialsRefused, "The source does not accept the SSH key"},
		"user by default": {func(l *remote.Location, o *SSH) { l.Key, l.Username, o.User = rehome.Secret(s.Key), "", s.User }, "", ""},
	} {
		e := with(c.change)
		if c.code == "" && e != nil || c.code != "" && (e == nil || e.Code != c.code || !strings.HasPrefix(e.Message, c.says)) {
			t.Errorf("%s: %+v", name, e)
		}
		if e != nil && (strings.Contains(e.Message+e.Hint+fmt.Sprint(e.Err), "canary") || !strings.Contains(e.Hint, "{ssh_key}")) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestWhatServersSayOverSSH(t *testing.T) {
	missing := "fatal: '/missing.git' does not appear to be a git repository"
	for name, c := range map[string]struct {
		force string
		code  rehome.Code
		says  string
	}{
		"none there": {"echo \"" + missing + "\" >&2; exit 128", rehome.NotARepository, "There is no Git repository at this address: the server says \"" + missing + "\"."},
		"GitHub":     {"echo 'ERROR: Repository not found.' >&2; exit 1", rehome.NotARepository, "There is no Git repository at this address: the server says \"ERROR: Repository not found.\"."},
		"GitLab": {
			"printf 'remote: \\nremote: ======\\nremote: \\nremote: ERROR: The project you were looking for could not be found.\\nremote: \\n' >&2; exit 1",
			rehome.NotARepository, "There is no Git repository at this address: the server says \"ERROR: The project you were looking for could not be found.\".",
		},
		"denied":        {"echo 'ERROR: Permission to a/b.git denied to c.' >&2; exit 1", rehome.CredentialsRefused, "The source refuses this: \"ERROR: Permission to a/b.git denied to c.\"."},
		"escapes":       {"printf 'a\\033[31mb\\n' >&2; exit 1", rehome.NotARepository, "There is no Git repository at this address: the server says \"a [31mb\"."},
		"another shell": {"echo This account is currently not available.", rehome.NotARepository, "There is no Git repository at this address: what answers does not speak Git's protocol."},
		"nothing":       {"true", rehome.Unreachable, "The source stopped answering before it told its refs."},
		"ERR":           {"printf '000eERR no way'", rehome.NotARepository, "There is no Git repository at this address: the server says \"no way\"."},
	} {
		s, l := served(t, testenv.SSHOptions{Force: c.force})
		e := try(t, SSH{KnownHosts: []string{s.KnownHosts}}, l)
		if e == nil || e.Code != c.code || e.Message != c.says {
			t.Errorf("%s: %v, want %s", name, e, c.says)
		}
	}
}

func TestOldServerOverSSH(t *testing.T) {
	s, l := served(t, testenv.SSHOptions{Old: true})
	c, err := speaker(t, egress.Policy{}, Options{SSH: SSH{KnownHosts: []string{s.KnownHosts}}}).Open(t.Context(), l, Question{Limits: wide})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if ad := c.Advertisement(); ad.Version != 0 || len(ad.Refs) == 0 {
		t.Errorf("%+v", ad)
	}
}

// lock is a server of one password, asked for in one of the two ways, that runs nothing.
func lock(t *testing.T, config *ssh.ServerConfig) string {
	t.Helper()
	config.AddHostKey(hostKeyOf(t))
	return speaks(t, func(conn net.Conn) {
		c, channels, requests, err := ssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for channel := range channels {
			ch, requests, err := channel.Accept()
			if err != nil {
				return
			}
			for r := range requests {
				r.Reply(false, nil)
				if r.Type == "exec" {
					break
				}
			}
			go ssh.DiscardRequests(requests)
			ch.Close()
		}
		c.Close()
	})
}

func TestPasswordOverSSH(t *testing.T) {
	right := errors.New("no")
	check := func(password string) (*ssh.Permissions, error) {
		if password == "canary" {
			return nil, nil
		}
		return nil, right
	}
	for name, config := range map[string]*ssh.ServerConfig{
		"password": {PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return check(string(p)) }},
		"question": {KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			said, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil {
				return nil, err
			}
			return check(said[0])
		}},
	} {
		at := lock(t, config)
		for password, want := range map[rehome.Secret]string{
			"canary": "There is no Git repository at this address: the server lets nobody run git there.",
			"wrong":  "The source does not accept the password for user \"git\".",
		} {
			l := location(t, "ssh://"+at+"/r")
			l.Password = password
			if e := try(t, SSH{Pins: filepath.Join(t.TempDir(), "pins")}, l); e == nil || e.Message != want {
				t.Errorf("%s, %s: %v (%v)", name, string(password), e, e.Err)
			}
		}
	}
	shown := &ssh.ServerConfig{KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		said, err := ask("", "", []string{"What shows: "}, []bool{true})
		if len(said) > 0 {
			t.Errorf("told %q, %v", said, err)
		}
		return nil, right
	}}
	l := location(t, "ssh://"+lock(t, shown)+"/r")
	l.Password = "canary"
	if e := try(t, SSH{Pins: filepath.Join(t.TempDir(), "pins")}, l); e == nil || e.Code != rehome.CredentialsRefused {
		t.Errorf("%v", e)
	}
}
