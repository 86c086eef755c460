package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
)

// identity is who signs in over SSH, and by what.
type identity struct {
	user    string
	methods []ssh.AuthMethod
	key     ssh.PublicKey // the one given; nil for none
	agent   net.Conn      // whose keys are tried; nil for none
	tried   int           // keys of the agent
	secret  bool          // there is a password
}

// identify gathers what the server of l is shown: the key given, else those of the agent; and the password.
func (t *Transport) identify(l remote.Location) (*identity, error) {
	who := &identity{user: l.Username, secret: l.Password != ""}
	if who.user == "" {
		who.user = t.o.SSH.User
	}
	if who.user == "" {
		who.user = "git"
	}
	switch {
	case l.Key != "":
		signer, err := readKey(l.Key)
		if err != nil {
			return nil, &rehome.Error{Code: rehome.CredentialsRefused, Message: "The SSH key cannot be used: " + err.Error() + ".", Hint: "Give another with {ssh_key}.", Err: err}
		}
		who.key = signer.PublicKey()
		who.methods = append(who.methods, ssh.PublicKeys(signer))
	case t.o.SSH.Agent != "":
		who.ask(t.o.SSH.Agent)
	}
	if who.secret {
		who.methods = append(who.methods, ssh.Password(string(l.Password)), ssh.KeyboardInteractive(typing(l.Password)))
	}
	return who, nil
}

// ask turns to the agent at a socket. One that is not there has no keys.
func (who *identity) ask(socket string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	who.agent = conn
	client := agent.NewClient(conn)
	who.methods = append(who.methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		signers, err := client.Signers()
		who.tried = len(signers)
		return signers, err
	}))
}

// typing answers one question whose answer does not show: servers ask for passwords in that way, too.
func typing(password rehome.Secret) ssh.KeyboardInteractiveChallenge {
	asked := false
	return func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		if asked || len(questions) > 1 || echos[0] {
			return nil, errors.New("the server asks for more than a password")
		}
		asked = true
		return []string{string(password)}, nil
	}
}

func (who *identity) close() {
	if who.agent != nil {
		who.agent.Close()
	}
}

// explain says why signing in failed. met says that the server is the right one.
func (who *identity) explain(ctx context.Context, err error, met bool, l remote.Location, q Question) error {
	var known *rehome.Error
	var algorithms *ssh.AlgorithmNegotiationError
	var broken net.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return late(l.URL.Host, err)
	case errors.Is(err, io.EOF), errors.Is(err, egress.ErrIdle):
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	case errors.As(err, &algorithms):
		return &rehome.Error{
			Code: rehome.Unreachable, Message: fmt.Sprintf("%s and Rehome have no way in common to secure a connection (%s).", begin(the(q.Peer)), rehome.Clean(algorithms.What, 100)),
			Hint: "Its SSH server may be too old; reach it over https, or ask whoever runs it.", Err: err,
		}
	case errors.As(err, &broken):
		return &CutError{err}
	case met:
		return who.refusal(err, q)
	}
	e := NotARepository("what answers does not speak SSH")
	e.Err = err
	return e
}

// refusal says what was tried in vain.
func (who *identity) refusal(err error, q Question) *rehome.Error {
	peer, user := begin(the(q.Peer)), rehome.Clean(who.user, 100)
	e := &rehome.Error{Code: rehome.CredentialsRefused, Err: err}
	switch {
	case who.key != nil:
		e.Message = fmt.Sprintf("%s does not accept the SSH key (%s) for user %q.", peer, describe(who.key), user)
		e.Hint = "Add the key's public half there, or give another with {ssh_key}."
	case who.secret:
		e.Message = fmt.Sprintf("%s does not accept the password for user %q.", peer, user)
		e.Hint = "Check it; many servers want an SSH key: give one with {ssh_key}."
	case who.tried > 0:
		e.Message = fmt.Sprintf("%s accepts no key of the agent for user %q.", peer, user)
		e.Hint = "Give one with {ssh_key}, or add it to the agent."
	default:
		e.Code = rehome.CredentialsWanted
		e.Message = fmt.Sprintf("%s wants an SSH key for user %q.", peer, user)
		e.Hint = "Give one with {ssh_key}."
	}
	return e
}
