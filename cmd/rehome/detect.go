package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/remote"
)

// location reads SOURCE, a URL or a path on this machine, and finds the password for its user, or the key.
func (m *Main) location(ctx context.Context, raw, user string, ssh sshFlags) (remote.Location, error) {
	l, err := parseSource(raw)
	if err != nil {
		return remote.Location{}, err
	}
	if l.SSH() {
		return m.overSSH(l, user, "REHOME_SOURCE_PASSWORD", ssh)
	}
	if user != "" {
		l.Username, l.Password = user, ""
	}
	if l.Password == "" && l.URL != nil {
		if l.Password, err = m.sourcePassword(ctx, l.Username); err != nil {
			return remote.Location{}, err
		}
	}
	if user != "" && l.Password == "" && l.URL != nil && !isTerminal(m.Stdin) {
		return remote.Location{}, noPassword()
	}
	return l, remote.CheckCredentials("vcs_username", l.Username, l.Password)
}

// inOwnWords says what a source's error means on the command line.
func inOwnWords(err error, l remote.Location) error {
	switch code := rehome.CodeOf(err); {
	case code == rehome.CredentialsWanted && l.Username == "":
		return &rehome.Error{
			Code: code, Err: err, Message: "The source wants a user name and password.",
			Hint: "Give --source-user NAME and set REHOME_SOURCE_PASSWORD. Many forges also ask for them when there is no such repository.",
		}
	case code == rehome.NotARepository && l.Path != "":
		return &rehome.Error{Code: code, Err: err, Message: fmt.Sprintf("There is no Git repository in this folder: %q.", l.Path), Hint: "Check the path."}
	}
	return err
}

// inWordsOf says what an error of the destination at l means on the command line.
func inWordsOf(l remote.Location, err error) error {
	var known *rehome.Error
	if !errors.As(err, &known) || known.Hint != remote.GiveWriter {
		return err
	}
	e := *known
	e.Hint = "Set REHOME_DEST_PASSWORD to an access token of somebody who may write to it, or to a password with --dest-user NAME."
	if l.SSH() {
		e.Hint = "Give --ssh-key FILE with a key of somebody who may write to it, or have an agent hold it."
	}
	return &e
}

// orRemember adds to the error for a ref of somebody else's that it may have been an earlier run, of which nothing is kept.
func orRemember(f importFlags, err error) error {
	var known *rehome.Error
	if f.to.state != "" || !errors.As(err, &known) || known.Code != rehome.DestinationMoved {
		return err
	}
	e := *known
	e.Hint += " If it was an earlier run of this move: with --state DIR, given each time, Rehome knows what it pushed; --prune needs that."
	return &e
}

// parseSource tells URLs from paths: whatever has "://" or "::" is a URL.
func parseSource(raw string) (remote.Location, error) {
	if strings.HasPrefix(raw, "file://") {
		return remote.Location{}, usagef("Give the path itself.", "file:// URLs are not read")
	}
	if strings.Contains(raw, "://") || strings.Contains(raw, "::") || raw == "" || raw[0] == '-' {
		return remote.Parse("vcs_url", raw)
	}
	path, err := filepath.Abs(raw)
	if err != nil {
		return remote.Location{}, fmt.Errorf("find the source: %w", err)
	}
	before, _, colon := strings.Cut(raw, ":")
	if _, err := os.Stat(path); err != nil && colon && !strings.Contains(before, "/") {
		if !strings.Contains(before, "@") {
			raw = currentUser() + "@" + raw
		}
		return remote.Parse("vcs_url", raw)
	}
	return remote.Location{Path: path}, nil
}

func (m *Main) detectCommand() *cobra.Command {
	var (
		user   string
		asJSON bool
		ssh    sshFlags
	)
	cmd := &cobra.Command{
		Use:   "detect URL",
		Short: "Say which version control answers at a URL, and whether it needs credentials",
		Args:  needs("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := m.location(cmd.Context(), args[0], user, ssh)
			if err != nil {
				return err
			}
			git, err := m.ownMachineGit(ssh, m.note)
			if err != nil {
				return err
			}
			found, err := git.Detect(cmd.Context(), l)
			if err != nil && rehome.CodeOf(err) != rehome.CredentialsWanted {
				return inOwnWords(err, l)
			}
			return m.printDetected(detected{found.VCS, err != nil, l.String()}, asJSON)
		},
	}
	cmd.Flags().StringVar(&user, "source-user", "", "user name at the source; the password comes from REHOME_SOURCE_PASSWORD or a prompt")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	ssh.add(cmd.Flags())
	return cmd
}

// detected is what detect prints. VCS is empty where the source does not say before it knows who asks.
type detected struct {
	VCS   rehome.VCS `json:"vcs"`
	Needs bool       `json:"needs_credentials"`
	URL   string     `json:"url"`
}

func (m *Main) printDetected(d detected, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(printable{m.Stdout}).Encode(d)
	}
	text := string(d.VCS)
	if d.Needs {
		text = "needs credentials"
	}
	_, err := fmt.Fprintln(m.Stdout, text)
	return err
}
